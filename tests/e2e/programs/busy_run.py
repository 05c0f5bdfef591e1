"""A training script in its own process: a W&B run that is alive until a line comes in."""

import sys

import wandb

ENTITY, PROJECT, RUN = sys.argv[1:]

with wandb.init(
    entity=ENTITY, project=PROJECT, id=RUN, config={"lr": 0.1, "fiftyone_dataset_name": "mine"}, tags=["mine"]
) as run:
    run.log({"loss": 1.0})
    print("ready", flush=True)
    sys.stdin.readline()
    run.log({"loss": 0.5})
    run.config.update({"epochs": 3})
