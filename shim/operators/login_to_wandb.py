"""The operator ``login_to_wandb``: the one place where a key is typed."""

from __future__ import annotations

import getpass
import socket
from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext

from .. import calls, lookups, netrc, settings
from ..errors import SETTINGS, WandBError
from . import buttons, notices, results
from .operator import WandBOperator

_KEY = "key"
_REPLACE = "replace"
_SECONDS = 30.0


_OFF_TEXT = (
    f"The variable {buttons.NO_LOGIN} of the App's server switches this operator off. The person who runs the server can log in with "
    "'wandb login' there"
)


class LoginToWandB(WandBOperator):
    """Saves a login in the App, as ``wandb login`` does in a terminal.

    Forms offer it where no key is found. The key is checked, then saved in the netrc file of the user who runs FiftyOne's
    server, so everyone who uses that App acts as this login; the form says so first. A login that is there already is
    replaced only if you ask for it. The variable ``FIFTYONE_WANDB_NO_LOGIN=1`` of the server switches the operator off.

    It has no call from Python: run ``wandb login``.
    """

    SECRET = (_KEY,)

    @property
    def config(self) -> foo.OperatorConfig:
        # At once and in this process only: whatever is queued is stored with its parameters. Not
        # dynamic: else each keystroke of the key would travel.
        return foo.OperatorConfig(
            name="login_to_wandb",
            label="W&B: Log in",
            description=(
                "Saves your Weights & Biases key on the machine that runs FiftyOne, as the command 'wandb login' does. "
                "The key is stored nowhere else"
            ),
            icon="/assets/wandb.svg",
            unlisted=True,
            dynamic=False,
            allow_immediate_execution=True,
            allow_delegated_execution=False,
            rerunnable=False,
        )

    def resolve_input(self, ctx: ExecutionContext) -> types.Property:
        inputs = types.Object()
        if buttons.is_login_off():
            inputs.view("off", notices.error(label="Logging in is switched off", description=_OFF_TEXT)).invalid = True
            return types.Property(inputs, view=types.View(label="Log in to W&B"))

        try:
            file = netrc.path()
        except OSError as e:
            file = e.filename

        inputs.view(
            "who",
            notices.warning(
                label="Who will share this login",
                description=(
                    f"The key is saved in {file} on '{socket.gethostname()}'. Everybody who uses this FiftyOne "
                    f"App, and every program of the user '{getpass.getuser()}' there, will be logged in to W&B as you, "
                    "until the entry is removed from the file. To share nothing, close this form and run 'wandb login' "
                    "where only you work, or set FIFTYONE_WANDB_API_KEY for your own process"
                ),
            ),
        )
        view = types.TextFieldView(componentsProps={"field": {"type": "password", "autoComplete": "off"}})
        inputs.str(
            _KEY,
            required=True,
            label="API key",
            description="From your W&B user settings, or the page /authorize of your W&B server",
            view=view,
        )
        inputs.bool(
            _REPLACE,
            default=False,
            label="Replace another login",
            description="If the file has another key for this server already, this one takes its place",
        )
        return types.Property(inputs, view=types.View(label="Log in to W&B"))

    def resolve_execution_options(self, ctx: ExecutionContext) -> foo.ExecutionOptions:
        return foo.ExecutionOptions(allow_immediate_execution=True, allow_delegated_execution=False)

    def run(self, ctx: ExecutionContext) -> dict[str, Any]:
        # Out of the context: nothing that is made of it later can hold the key.
        key = str(ctx.params.pop(_KEY, "") or "").strip()
        if buttons.is_login_off():
            raise WandBError(_OFF_TEXT, source=SETTINGS, code="login_off")

        if not key:
            raise WandBError("Type the key first", source=SETTINGS, code="no_key")

        asked = settings.collect(secret=ctx.secret)
        asked.pop("active_run", None)
        overruled = bool(asked["api_key"] or asked["environment"].get("WANDB_API_KEY"))
        asked["environment"].pop("WANDB_API_KEY", None)
        asked["api_key"] = key
        answer = calls.ask(asked, {"lookup": {"kind": "LOOKUP_KIND_PROJECTS", "limit": 1}}, _SECONDS)
        try:
            file = netrc.save(answer.base_url, key, replace=bool(ctx.params.get(_REPLACE)))
        except netrc.AnotherLogin:
            raise WandBError(
                f"The key is valid, but {netrc.path()} has another one for {answer.base_url}, which programs of this "
                'machine may use. Nothing was changed. To put the new key in its place, tick "Replace another login" '
                "and log in again",
                source=SETTINGS,
                code="another_login",
            ) from None
        except (OSError, ValueError) as e:
            reason = getattr(e, "strerror", None) or "the key or the server's address cannot be written there"
            where = f" ({e.filename})" if getattr(e, "filename", None) else ""
            raise WandBError(
                f"The key is valid, but it could not be saved: {reason}{where}. Run 'wandb login' instead",
                source=SETTINGS,
                code="not_saved",
            ) from None

        lookups.forget()
        return {
            "success": True,
            "username": answer.username,
            "entity": answer.entity,
            "base_url": answer.base_url,
            "file": str(file),
            "overruled": overruled,
        }

    def resolve_output(self, ctx: ExecutionContext) -> types.Property:
        outputs = types.Object()
        result = ctx.results or {}
        if result.get("username"):
            warnings = []
            if result["overruled"]:
                warnings = [
                    {
                        "message": "Another key takes precedence: unset FIFTYONE_WANDB_API_KEY and WANDB_API_KEY for the "
                        "App's server to use this one"
                    }
                ]

            rows = [
                ("Logged in as", results.escape(result["username"])),
                ("Server", results.escape(result["base_url"])),
                ("Saved in", results.escape(result["file"])),
            ]
            results.add_table(outputs, rows, warnings)

        return types.Property(outputs, view=types.View(label="Logged in to W&B"))
