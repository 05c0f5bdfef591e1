"""The local stand-in for W&B as a process, and the official wandb package logged in to it."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator

import pytest
import services

from support.server import Server
from support.waiting import SECONDS


class Inspected(Server):
    """A running stand-in, with all that its admin endpoints tell and its pages show."""

    def state(self) -> dict:
        return self._ask("GET", "/__admin/state")

    def stats(self) -> dict:
        return self._ask("GET", "/__admin/stats")

    def faults(self) -> list:
        return self._ask("GET", "/__admin/faults")

    def page(self, url: str) -> str:
        """A page that a link of W&B's leads to."""
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            return answer.read().decode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inspected]:
    """A stand-in that only this file's tests use."""
    with services.standin(tmp_path_factory.mktemp("standin"), "--teams", "team") as facts:
        yield Inspected(facts)


@pytest.fixture(scope="module")
def wandb(server: Inspected, tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """The official package, logged in to the stand-in and talking to nobody else."""
    from support.official import wandb as package

    home = tmp_path_factory.mktemp("home")
    # It keeps the settings of whoever used it before. It ends with them, because what it put
    # into the environment would come back below when it is of no use any more.
    package.teardown()
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
        yield package
        package.teardown()
