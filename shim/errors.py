"""The errors that the plugin's users see."""

from __future__ import annotations

from .worker import plaintext

# Whose matter an error is. The words are those of the wire contract's Source.
SETTINGS = "settings"
FIFTYONE = "fiftyone"
WANDB = "wandb"
MEDIA = "media"
PLUGIN = "plugin"


class WandBError(RuntimeError):
    """An error for users: the text is complete and free of secrets.

    Args:
        message: what was being done, what happened, and what to do next
        source (PLUGIN): whose matter it is, one of this module's constants
        code ("error"): a word for programs, such as ``bad_key``
    """

    def __init__(self, message: str, source: str = PLUGIN, code: str = "error") -> None:
        # Its words may be those of a server or a name in an artifact.
        super().__init__(plaintext.clean(message, lines=True))
        self.source = source
        self.code = code

    def _render_traceback_(self):
        # IPython asks for it: in a notebook, the sentence stands alone. Scripts keep their tracebacks.
        return [f"{type(self).__name__}: {self}"]


class WandBCancelled(WandBError):
    """The job was cancelled; nothing was committed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, source=SETTINGS, code="cancelled")


def bad_argument(message: str) -> WandBError:
    """The error for an argument that cannot be."""
    return WandBError(message, source=SETTINGS, code="bad_argument")
