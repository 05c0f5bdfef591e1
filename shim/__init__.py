"""The Python side of the plugin: forms, settings, records, and the worker's host."""

PLUGIN_NAME = "@harpreetsahota/wandb"

# The version of fiftyone.yml; W&B sees it in the user agent.
__version__ = "1.0.0"
