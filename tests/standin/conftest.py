"""The local stand-in for W&B as a process, and the official wandb package logged in to it."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import services  # noqa: E402


class Server:
    """A running stand-in, with its admin endpoints."""

    def __init__(self, facts: services.Standin):
        self.url, self.key, self.entity = facts.url, facts.key, facts.entity

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> object:
        """The JSON of an answer, or None if there is none."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": "application/json", **headers}, method=method
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def state(self) -> dict:
        return self.ask("GET", "/__admin/state")

    def stats(self) -> dict:
        return self.ask("GET", "/__admin/stats")

    def page(self, path: str) -> str:
        """A page that a link of W&B's leads to."""
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return answer.read().decode()


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in, built with the developer's own Go caches although the tests have another home."""
    target = tmp_path_factory.mktemp("bin") / "standin"
    environment = {**os.environ, "HOME": pwd.getpwuid(os.getuid()).pw_dir, "CGO_ENABLED": "0"}
    subprocess.run(["go", "build", "-o", target, "./goworker/cmd/standin"], cwd=ROOT, env=environment, check=True)
    return target


@pytest.fixture(scope="module")
def server(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A stand-in that only this file's tests use."""
    with services.standin(tmp_path_factory.mktemp("standin"), "--teams", "team", binary=binary) as facts:
        yield Server(facts)


@pytest.fixture(scope="module")
def wandb(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """The official package, logged in to the stand-in and talking to nobody else."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith("WANDB") or n == "NETRC"]:
            patch.delenv(name)
        settings = {
            "HOME": home,
            "NETRC": home / "netrc",
            "WANDB_BASE_URL": server.url,
            "WANDB_API_KEY": server.key,
            "WANDB_DIR": home,
            "WANDB_CACHE_DIR": home / "cache",
            "WANDB_DATA_DIR": home / "data",
            "WANDB_CONFIG_DIR": home / "config",
            "WANDB_ARTIFACT_DIR": home / "artifacts",
            "WANDB_ERROR_REPORTING": "false",
            "WANDB_SILENT": "true",
            "WANDB__DISABLE_STATS": "true",
            "WANDB_DISABLE_GIT": "true",
            "WANDB_DISABLE_CODE": "true",
        }
        for name, value in settings.items():
            patch.setenv(name, str(value))
        patch.chdir(home)
        import wandb as package

        yield package
        package.teardown()
