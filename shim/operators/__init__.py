"""The operators, one file each."""

from .log_fiftyone_view_to_wandb import LogFiftyOneViewToWandB

# In the order of the operator browser.
OPERATORS = (LogFiftyOneViewToWandB,)
