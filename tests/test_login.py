"""Logging in: the key goes where `wandb login` puts it, and nowhere else."""

import json
import netrc as standard
import os
import stat
import subprocess
import sys
from pathlib import Path

import fiftyone.core.odm as odm
import fiftyone.operators as foo
import pytest
from fiftyone.operators.executor import ExecutionContext

from shim import netrc
from support import datasets
from support.fake_worker import module
from support.waiting import SECONDS

URI = "@harpreetsahota/wandb/login_to_wandb"
ROOT = Path(__file__).resolve().parents[1]
KEY = "canary" + "0123456789" * 4


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def operator_login(operator, fake_worker, home):
    return operator("login_to_wandb")


def entries(file):
    return dict(standard.netrc(str(file)).hosts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "machine other.test login a password b\n",
        "machine other.test\n  login a\n  password b",
        "machine wandb.test login user password old\nmachine other.test login a password b\n",
        "machine other.test login a password b machine wandb.test login user password old\n",
        "machine wandb.test\n\tlogin user\n\tpassword old\n\nmachine other.test\n\tlogin a\n\tpassword b\n",
        "# machine wandb.test login x password y\nmachine other.test login a password b\n",
        "machine wandb.test login user password old\n# about the other\nmachine other.test login a password b\n",
        "machine other.test login a password b\ndefault login anonymous password c\n",
        "machine api.wandb.test login x password y\nmachine wandb.test:8080 login u password v\n",
        "machine wandb.test login user password old\nmachine wandb.test login user password older\n",
    ],
)
def test_entries_of_others_are_kept(home, text):
    file = home / ".netrc"
    file.write_text(text)
    before = entries(file)

    assert netrc.save("https://wandb.test", KEY, replace=True) == file

    after = entries(file)
    assert after.pop("wandb.test") == ("user", "", KEY)
    before.pop("wandb.test", None)
    assert after == before
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "old" not in file.read_text()
    for comment in ("# about the other", "# machine wandb.test login x password y"):
        assert (comment in file.read_text()) == (comment in text)

    assert os.listdir(home) == [".netrc"]


def test_where_it_is(home, monkeypatch):
    assert netrc.path() == home / ".netrc"
    (home / "_netrc").touch()
    assert netrc.path() == home / "_netrc"
    monkeypatch.setenv("NETRC", str(home / "mine"))
    assert netrc.save("http://127.0.0.1:8080/", KEY) == home / "mine"
    assert entries(home / "mine") == {"127.0.0.1:8080": ("user", "", KEY)}


def test_another_login_is_replaced_only_on_demand(home):
    netrc.save("https://wandb.test", KEY)
    assert netrc.save("https://wandb.test", KEY) == home / ".netrc", "the same key is not another login"
    before = (home / ".netrc").read_bytes()
    with pytest.raises(netrc.AnotherLogin):
        netrc.save("https://wandb.test", KEY[::-1])

    assert (home / ".netrc").read_bytes() == before
    netrc.save("https://wandb.test", KEY[::-1], replace=True)
    assert entries(home / ".netrc") == {"wandb.test": ("user", "", KEY[::-1])}


def test_what_is_no_regular_file_is_refused_at_once(home, monkeypatch):
    os.mkfifo(home / "pipe")
    for path in (home / "pipe", home, "/dev/null", "/dev/stdin"):
        monkeypatch.setenv("NETRC", str(path))
        with pytest.raises(OSError, match="not a regular file|directory"):
            netrc.save("https://wandb.test", KEY)

    assert os.listdir(home) == ["pipe"]


def test_a_home_that_does_not_exist_is_not_made(home, monkeypatch):
    monkeypatch.setenv("HOME", str(home / "none"))
    with pytest.raises(FileNotFoundError):
        netrc.save("https://wandb.test", KEY)

    monkeypatch.setenv("NETRC", str(home / "none" / "netrc"))
    with pytest.raises(FileNotFoundError):
        netrc.save("https://wandb.test", KEY)

    assert os.listdir(home) == []


def test_bytes_of_others_stay_as_they_are(home):
    (home / ".netrc").write_bytes(b"machine other.test login \xe4 password b\r\n")
    netrc.save("https://wandb.test", KEY)
    assert (home / ".netrc").read_bytes().startswith(b"machine other.test login \xe4 password b\r\n")


def test_logins_at_the_same_time_lose_nothing(home):
    """Each process saves to servers of its own; all entries are there at the end."""
    code = """
import sys
from shim import netrc
print("ready", flush=True)
sys.stdin.readline()
for n in range(10):
    netrc.save(f"https://{sys.argv[1]}-{n}.test", sys.argv[2])
"""
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", code, f"p{i}", KEY],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(3)
    ]
    for program in programs:
        assert program.stdout.readline() == "ready\n"

    for program in programs:
        program.stdin.write("\n")
        program.stdin.flush()

    assert [program.wait(SECONDS) for program in programs] == [0, 0, 0]
    assert set(entries(home / ".netrc")) == {f"p{i}-{n}.test" for i in range(3) for n in range(10)}


def test_a_link_stays_a_link(home, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "netrc"
    elsewhere.write_text("machine other.test login a password b\n")
    (home / ".netrc").symlink_to(elsewhere)

    netrc.save("https://wandb.test", KEY)

    assert (home / ".netrc").is_symlink()
    assert set(entries(elsewhere)) == {"other.test", "wandb.test"}


@pytest.mark.parametrize(
    ("url", "key"), [("wandb.test", KEY), ("https://wandb.test", "a\nmachine b"), ("https://x", "")]
)
def test_what_cannot_be_an_entry(home, url, key):
    with pytest.raises(ValueError, match="no host"):
        netrc.save(url, key)

    assert os.listdir(home) == []


def test_the_official_package_reads_it(home, monkeypatch):
    wandb = pytest.importorskip("wandb")
    netrc.save("https://api.wandb.ai", KEY)
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    from wandb.sdk.lib import wbauth

    found = wbauth.wbnetrc.read_netrc_auth(host=wbauth.HostUrl("https://api.wandb.ai"))
    assert found == KEY
    assert wandb


def test_form(operator_login, media):
    ctx = ExecutionContext({"params": {}, "target": "inputs"}, operator_uri=URI)
    form = operator_login.resolve_type(ctx, "inputs").to_json()["type"]["properties"]

    assert form["key"]["view"]["componentsProps"]["field"]["type"] == "password"
    assert ".netrc" in form["who"]["view"]["description"]
    assert "Everybody who uses this FiftyOne App" in form["who"]["view"]["description"]
    config = operator_login.to_json()["config"]
    assert config["unlisted"]
    assert not config["dynamic"]
    assert not config["allow_delegated_execution"]
    options = operator_login.resolve_execution_options(ctx)
    assert not options.allow_delegated_execution


def test_the_key_is_saved_and_shown_nowhere(operator_login, fake_worker, home, media, caplog, capsys, monkeypatch):
    dataset = datasets.images(media, n=1)
    monkeypatch.setenv("WANDB_API_KEY", "another-key")
    before = dict(os.environ)
    with caplog.at_level("DEBUG"):
        done = foo.execute_operator(URI, dataset=dataset, params={"key": f" {KEY}\n"})

    result = done.result
    assert (result["username"], result["base_url"], result["overruled"]) == ("me", "http://wandb.test", True)
    assert entries(home / ".netrc")["wandb.test"] == ("user", "", KEY)
    (request,) = fake_worker.lookups
    assert request.wandb.api_key == KEY
    assert "WANDB_API_KEY" not in request.wandb.environment
    ctx = ExecutionContext({"params": {}, "results": result}, operator_uri=URI)
    shown = json.dumps(operator_login.resolve_type(ctx, "outputs").to_json())
    assert "Another key takes precedence" in shown
    everything = [shown, json.dumps(done.to_json(), default=str), caplog.text, *capsys.readouterr()]
    assert not any(KEY in text for text in everything)
    assert dict(os.environ) == before
    assert KEY not in _database()
    dataset.delete()


@pytest.mark.parametrize("code", ["bad_key", "unreachable"])
def test_a_key_that_is_not_good_is_not_saved(operator_login, fake_worker, home, media, code):
    dataset = datasets.images(media, n=1)

    def refuse(request):
        raise fake_worker.errors.JobFailed("settings", code, "W&B does not know this key.")

    fake_worker.look_up = refuse
    with pytest.raises(Exception, match="does not know this key") as caught:
        foo.execute_operator(URI, dataset=dataset, params={"key": KEY})

    assert KEY not in str(caught.value)
    assert os.listdir(home) == []
    dataset.delete()


def test_a_file_that_cannot_be_written(operator_login, fake_worker, home, media, monkeypatch):
    dataset = datasets.images(media, n=1)
    (home / "file").touch()
    monkeypatch.setenv("NETRC", str(home / "file" / "netrc"))

    with pytest.raises(Exception, match="could not be saved: .*/netrc.*Run 'wandb login' instead") as caught:
        foo.execute_operator(URI, dataset=dataset, params={"key": KEY})

    assert KEY not in str(caught.value)
    dataset.delete()


def test_the_app_asks_before_it_replaces_a_login(operator_login, fake_worker, home, media):
    dataset = datasets.images(media, n=1)
    netrc.save("http://wandb.test", KEY[::-1])
    with pytest.raises(Exception, match="Nothing was changed. .*Replace another login") as caught:
        foo.execute_operator(URI, dataset=dataset, params={"key": KEY})

    assert not any(key in str(caught.value) for key in (KEY, KEY[::-1]))
    assert entries(home / ".netrc")["wandb.test"][2] == KEY[::-1]
    foo.execute_operator(URI, dataset=dataset, params={"key": KEY, "replace": True})
    assert entries(home / ".netrc")["wandb.test"][2] == KEY
    dataset.delete()


def test_a_variable_switches_it_off(operator_login, fake_worker, home, media, monkeypatch):
    dataset = datasets.images(media, n=1)
    monkeypatch.setenv("FIFTYONE_WANDB_NO_LOGIN", "true")
    ctx = ExecutionContext({"params": {}, "target": "inputs"}, operator_uri=URI)
    form = operator_login.resolve_type(ctx, "inputs")
    assert "key" not in form.to_json()["type"]["properties"]
    with pytest.raises(Exception, match="switches this operator off|Path: off"):
        foo.execute_operator(URI, dataset=dataset, params={"key": KEY})

    assert fake_worker.lookups == []
    assert os.listdir(home) == []
    dataset.delete()


def test_lists_are_asked_for_again(operator_login, fake_worker, home, media):
    dataset = datasets.images(media, n=1)
    lookups = module(operator_login, "lookups")
    lookups.projects()
    foo.execute_operator(URI, dataset=dataset, params={"key": KEY})
    lookups.projects()

    assert len(fake_worker.lookups) == 3
    dataset.delete()


def _database():
    database = odm.get_db_conn()
    return repr([list(database[name].find({})) for name in database.list_collection_names()])
