"""Workers of other systems, in an emulator, as far as the handshake."""

from pathlib import Path

import emulation
import pytest


@pytest.mark.slow
@pytest.mark.parametrize("name", emulation.PROGRAMS)
def test_handshake(name: str, tmp_path: Path) -> None:
    if (reason := emulation.missing(name)) is not None:
        pytest.skip(reason)
    said = emulation.handshake(name, tmp_path)
    assert said.startswith(
        f"handshake over {'loopback TCP' if name.startswith('windows') else 'a unix socket'} with mTLS"
    )


@pytest.mark.parametrize("name", emulation.PROGRAMS)
def test_what_is_missing_is_said(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulation.shutil, "which", lambda _: None)
    assert emulation.missing(name) == f"{emulation.PROGRAMS[name][-1]} is not installed here"
