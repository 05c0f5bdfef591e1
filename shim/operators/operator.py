"""What all operators have in common: how they fail."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import fiftyone.operators as foo
import pymongo.errors
from fiftyone.operators.executor import ExecutionContext

from .. import database
from ..errors import PLUGIN, WandBError
from ..worker import logs
from . import forms, results

#: The parameter by which the panel says that it shows errors itself.
IN_PANEL = "in_panel"

# What the App adds to the parameters of a form that the panel opened.
_OF_PANEL = ("panel_id", "panel_state")

_log = logs.logger("fiftyone_wandb")


class WandBOperator(foo.Operator):
    """An operator whose errors a person in the App reads at once, in a dialog.

    For an exception, the App shows a line that has to be opened, a traceback behind it, and an error in the browser's
    console. So an execution from the App ends without one, and its last step opens a dialog with the sentence. In Python
    and in the background, the exception is raised.
    """

    #: The parameters that are never sent back to the browser.
    SECRET: tuple[str, ...] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__call__" in vars(cls):
            cls.__call__ = _with_sentences(vars(cls)["__call__"])

    def run(self, ctx: ExecutionContext) -> Any:
        """Does what the operator does; see :meth:`fiftyone.operators.Operator.execute`.

        Raises:
            WandBError: if that is not possible
        """
        raise NotImplementedError

    def execute(self, ctx: ExecutionContext) -> Any:
        """Runs the operator for FiftyOne."""
        in_panel = ctx.params.pop(IN_PANEL, False)
        if in_panel or ctx.delegated or not forms.is_from_app(ctx):
            return _with_sentences(self.run)(ctx)

        # Taken now: running the operator may change them.
        filled_in = {
            name: value for name, value in ctx.params.items() if name not in self.SECRET and name not in _OF_PANEL
        }
        # Of which FiftyOne has taken the form's choice of samples.
        if (target := ctx.request_params.get("view_target")) is not None:
            filled_in.setdefault("view_target", target)

        try:
            result = self.run(ctx)
        except Exception as e:
            error = _sentence(e)
            self._tell(ctx, error, filled_in)
            return {"success": False, "error": str(error), "code": error.code}

        return self._telling(ctx, result, filled_in) if inspect.isgenerator(result) else result

    def _telling(self, ctx, messages, filled_in):
        try:
            yield from messages
        except Exception as e:
            yield self._tell(ctx, _sentence(e), filled_in)

    def _tell(self, ctx, error, filled_in):
        # The dialog that showed a job's progress shows its error, too.
        return ctx.ops.show_output(results.show_error(error, (self.uri, filled_in)).to_json(), {})


def _with_sentences(call: Callable[..., Any]) -> Callable[..., Any]:
    """A call whose errors of FiftyOne's database are sentences; pymongo's are paragraphs."""

    @functools.wraps(call)
    def explained(*args, **kwargs):
        try:
            return call(*args, **kwargs)
        except pymongo.errors.ConnectionFailure:
            raise database.unreachable() from None

    return explained


def _sentence(error: Exception) -> WandBError:
    if isinstance(error, WandBError):
        return error

    if isinstance(error, pymongo.errors.ConnectionFailure):
        return database.unreachable()

    _log.error("A bug in the plugin", exc_info=error)
    return WandBError(
        f"This is a bug in the plugin ({type(error).__name__}), and nothing more was done. Please report it, with the traceback "
        "in the log of FiftyOne's server",
        source=PLUGIN,
        code="internal",
    )
