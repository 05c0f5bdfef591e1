"""What the panel shows: its data, its views, the jobs that it starts, and what an operator has selected for it.

The panel itself is ``shim/operators/wandb_panel.py``; what people see is in ``js/``.
"""
