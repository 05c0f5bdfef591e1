"""The FiftyOne plugin ``@harpreetsahota/wandb``.

FiftyOne runs this file again at every look-up of an operator, so it registers
and does nothing else. What it imports stays loaded, and needs neither the
plugin's Python requirements nor its worker.
"""

from .shim.operators import OPERATORS, PANELS


def register(plugin):
    """Registers the plugin's operators and panels with FiftyOne."""
    for operator in (*OPERATORS, *PANELS):
        plugin.register(operator)
