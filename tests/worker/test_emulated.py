"""Workers of other systems in an emulator. ``make test-matrix`` starts them, since each has to be compiled first."""

import emulation
import pytest


@pytest.mark.parametrize("name", emulation.PROGRAMS)
def test_what_is_missing_is_said(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulation.shutil, "which", lambda _: None)
    assert emulation.missing(name) == f"{emulation.PROGRAMS[name][-1]} is not installed here"
