"""The operators, one file each."""

from .load_view_from_wandb import LoadViewFromWandB
from .log_fiftyone_view_to_wandb import LogFiftyOneViewToWandB
from .log_model_predictions import LogModelPredictions

# In the order of the operator browser.
OPERATORS = (LogFiftyOneViewToWandB, LogModelPredictions, LoadViewFromWandB)
