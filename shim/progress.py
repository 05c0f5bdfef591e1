"""A job's progress in a terminal."""

from __future__ import annotations

from typing import Any

import fiftyone.core.utils as fou

# The bar counts thousandths of the whole job: its stages count rows, files and bytes.
_STEPS = 1000


class TerminalBar:
    """A progress bar in the terminal; a context manager.

    Args:
        progress (None): whether to show it, as in FiftyOne's own methods: True, False, a
            function that is called with the bar, or None for
            ``fo.config.show_progress_bars``
    """

    def __init__(self, progress: bool | None = None) -> None:
        self._bar = fou.ProgressBar(
            total=_STEPS,
            progress=progress,
            show_iteration=False,
            show_iter_rate=False,
            show_remaining_time=False,
        )

    def __enter__(self):
        self._bar.__enter__()
        return self

    def __exit__(self, *args):
        self._bar.__exit__(*args)

    def show(self, update: Any) -> None:
        """Draws an update of :func:`shim.work.stream`."""
        self._bar.set_iteration(int(update.fraction * _STEPS), suffix=update.label)
