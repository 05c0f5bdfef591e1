"""The plugin's loggers, and the worker's log lines in Python's logging, under the name fiftyone_wandb.worker."""

from __future__ import annotations

import json
import logging

from . import plaintext


class _Clean(logging.Filter):
    """Cleans records before any handler sees them: their words, and the texts of exceptions in their tracebacks."""

    _format = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Keeps every record, as clean text."""
        try:
            record.msg = plaintext.clean(record.getMessage(), lines=True)
            record.args = ()
        except Exception:  # wrong arguments: logging itself says so, and where
            return True
        if record.exc_info:
            # Formatters print this text if it is set; some would otherwise format the exception themselves.
            record.exc_text = plaintext.clean(self._format.formatException(record.exc_info), lines=True)
            record.exc_info = None
        return True


def logger(name: str) -> logging.Logger:
    """The logger of this name, whose lines are clean whatever texts of others are in them."""
    found = logging.getLogger(name)
    # FiftyOne reloads the plugin, but loggers persist: replace the filter of an earlier load.
    for old in [one for one in found.filters if type(one).__name__ == _Clean.__name__]:
        found.removeFilter(old)
    found.addFilter(_Clean())
    return found


log = logger("fiftyone_wandb.worker")

_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}


def level_name() -> str:
    """The least level that is logged here, as the worker names it: it need not write what nobody reads."""
    effective = log.getEffectiveLevel()
    for name in ("debug", "info", "warn"):
        if effective <= _LEVELS[name]:
            return name
    return "error"


def emit(line: str) -> str:
    """Logs a line of the worker's stderr with its level.

    Returns:
        the line as text for people
    """
    level, text = _parse(line)
    text = plaintext.clean(text, lines=True)
    log.log(level, "%s", text)
    return text


def emit_raw(line: str) -> None:
    """Logs a line that Go itself wrote because the worker fell."""
    log.error("%s", plaintext.clean(line))


def _parse(line: str) -> tuple[int, str]:
    """The level and the text of a line in hclog's JSON format, or of any other line."""
    try:
        fields = json.loads(line)
        level, text = _LEVELS[fields.pop("@level")], str(fields.pop("@message"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return logging.WARNING, line
    stack = fields.pop("stack", "")
    details = [f"{name}={value}" for name, value in fields.items() if not name.startswith("@")]
    return level, " ".join([text, *details]) + (f"\n{stack}" if stack else "")
