"""Buttons that lead from what an operator shows to another operator's form."""

from __future__ import annotations

import os
from typing import Any

from fiftyone.operators import types

from .. import PLUGIN_NAME, lookups
from ..errors import WandBError

#: The variable of the App's server that switches logging in from the App off.
NO_LOGIN = "FIFTYONE_WANDB_NO_LOGIN"

# Of the bundle: it closes the form or dialog that is open, and opens a form.
_OPEN_FORM = f"{PLUGIN_NAME}/open_form"

_LOGIN = f"{PLUGIN_NAME}/login_to_wandb"

# What a login mends; the rest is for the server's owner.
_LOGIN_CODES = {"no_key", "bad_key"}


def is_login_off() -> bool:
    """Whether logging in from the App is switched off."""
    return os.environ.get(NO_LOGIN, "").strip().lower() not in ("", "0", "false", "no", "off")


def add_login(shown: types.Object, failed: lookups.Found | WandBError) -> None:
    """Adds a button that opens the login's form, if a login mends an error.

    Args:
        shown: the inputs or outputs
        failed: the error, or a look-up that failed
    """
    if failed.code in _LOGIN_CODES and not is_login_off():
        _add(shown, "wandb_login", "Log in to W&B", _LOGIN, {})


def add_form(shown: types.Object, operator: str, params: dict[str, Any]) -> None:
    """Adds a button that opens an operator's form as it was filled in.

    Args:
        shown: the outputs
        operator: the operator's URI
        params: the form's parameters
    """
    _add(shown, "form", "Back to the form", operator, params)


def _add(shown, name, label, operator, params):
    shown.btn(name, label=label, on_click=_OPEN_FORM, params={"operator": operator, "form": params}, variant="outlined")
