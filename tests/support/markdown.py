"""What people read of the texts that FiftyOne shows as Markdown."""

import re

_SHOWN_AS_MARKDOWN = ("Notice", "Warning", "Error")


def read(text):
    """An escaped text as it is read."""
    return re.sub(r"\\(.)", r"\1", text).replace("\u2060", "")


def read_notices(shown):
    """The JSON of a form or an output, in which the texts of notices are as they are read."""
    if isinstance(shown, list):
        return [read_notices(item) for item in shown]

    if not isinstance(shown, dict):
        return shown

    result = {key: read_notices(value) for key, value in shown.items()}
    if shown.get("name") in _SHOWN_AS_MARKDOWN:
        result.update({key: read(shown[key]) for key in ("label", "description") if shown.get(key)})

    return result
