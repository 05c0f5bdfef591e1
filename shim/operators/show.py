"""What the operators that show something in the panel have in common."""

from pathlib import Path

import fiftyone.operators as foo

from .. import query
from . import forms, panel


class ShowOperator(foo.Operator):
    """An operator that finds something at W&B and opens the panel with it."""

    #: What it shows, in words.
    SHOWN = "W&B"

    def find(self, params, dataset=None, **where):
        """Finds what the parameters name.

        Args:
            params: a dict of the operator's parameters
            dataset (None): the dataset that the panel is for
            where: arguments of :func:`shim.settings.collect`

        Returns:
            a dict with ``kind``, ``url``, ``title``, ``entity``, ``project`` and ``id``

        Raises:
            WandBError: if there is no such thing
        """
        raise NotImplementedError

    def show(self, samples, params):
        """Selects it for the panel of a caller in Python, and returns what is known of it, a dict."""
        dataset = None if samples is None else query.root_dataset(query.as_view(samples))
        found = self.find(params, dataset, directory=str(Path.cwd()))
        panel.select(dataset, found)
        return {"success": True, **found}

    def execute(self, ctx):
        directory = "" if forms.is_from_app(ctx) else str(Path.cwd())
        found = self.find(ctx.params, ctx.dataset, secret=ctx.secret, directory=directory)
        panel.open_panel(ctx, found)
        return {"success": True, **found}

    def resolve_output(self, ctx):
        return panel.show_link(ctx, self.SHOWN)
