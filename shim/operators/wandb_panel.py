"""The panel ``WandBPanel``: what was selected of W&B, and the way to its page."""

import fiftyone.operators as foo
from fiftyone.operators import types

from .. import linked
from . import panel, results


class WandBPanel(foo.Panel):
    """Shows what an operator has selected, and the W&B runs of the dataset."""

    @property
    def config(self):
        return foo.PanelConfig(
            name=panel.PANEL,
            label="W&B",
            icon="/assets/wandb.svg",
            help_markdown="The Weights & Biases run, report or project that was selected, and the dataset's runs",
        )

    def on_load(self, ctx):
        """Reads what is selected."""
        self._read(ctx)

    def on_change_dataset(self, ctx):
        """Reads what is selected for the dataset that is open now."""
        self._read(ctx)

    def on_refresh(self, ctx):
        """Reads it again."""
        self._read(ctx)

    def _read(self, ctx):
        records = []
        for key in linked.keys(ctx.dataset) if ctx.dataset is not None else {}:
            config = linked.read(ctx.dataset, key)["config"]
            title = config.get("run_name") or config.get("wandb_run_id") or key
            records.append([key, title, config.get("state") or "", linked.url(config) or ""])

        ctx.panel.set_state("shown", {"selection": panel.selected(ctx.dataset), "records": records})

    def render(self, ctx):
        inputs = types.Object()
        shown = ctx.panel.get_state("shown") or {}
        selection = shown.get("selection")
        if selection:
            inputs.md(f"### {results.escape(selection['title'])}\n\n{_where(selection)}", name="selected")
            panel.add_link(inputs, selection["url"])
        else:
            inputs.md("Nothing is selected yet: use **Show W&B run** or **Show W&B Report**.", name="selected")

        records = shown.get("records")
        if records:
            rows = [
                [results.escape(key), results.link(title, url), results.escape(s)] for key, title, s, url in records
            ]
            text = ["#### Runs of this dataset", "", "| Record | Run | State |", "|-|-|-|"]
            inputs.md("\n".join(text + [f"| {' | '.join(row)} |" for row in rows]), name="records")

        inputs.btn("refresh", label="Refresh", on_click=self.on_refresh, variant="outlined")
        return types.Property(inputs, view=types.GridView(orientation="vertical", padding=2, gap=2, align_x="left"))


def _where(selection):
    place = [part for part in (selection.get("entity"), selection.get("project")) if part]
    return f"{selection['kind'].capitalize()} in {results.escape('/'.join(place))}" if place else selection["kind"]
