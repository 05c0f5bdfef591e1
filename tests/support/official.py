"""The official wandb package, with a helper process that only this process uses.

The package tells the programs that its process starts where its helper is. Their runs would then live in it and not end with the
program: once the stand-in that they are on has ended, the helper tries to reach it for days, and whoever waits for the helper does so, too.
"""

import wandb
from wandb.sdk.lib.service.service_token import ServiceToken

__all__ = ["wandb"]

ServiceToken.save_to_env = lambda self: None
