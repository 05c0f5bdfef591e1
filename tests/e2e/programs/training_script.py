"""A training script as the original's README shows it: an active run, to which the operators log."""

import json
import sys

import fiftyone as fo
import fiftyone.operators as foo
import wandb

DATASET, ENTITY, PROJECT, RUN = sys.argv[1:]

dataset = fo.load_dataset(DATASET)
log_view = foo.get_operator("@harpreetsahota/wandb/log_fiftyone_view_to_wandb")
log_predictions = foo.get_operator("@harpreetsahota/wandb/log_model_predictions")

run = wandb.init(
    entity=ENTITY, project=PROJECT, id=RUN, config={"lr": 0.1, "fiftyone_view_size": "mine"}, tags=["mine"]
)
run.log({"loss": 1.0})
results = [
    # To the active run, to another one, and to a new one.
    log_view(dataset, project=PROJECT, run_id=run.id, artifact_name=f"{RUN}-here"),
    log_view(dataset, project=PROJECT, run_id=f"{RUN}-other", artifact_name=f"{RUN}-there"),
    log_predictions(
        dataset, model_name="m", predictions_field="predictions", project=PROJECT, artifact_name=f"{RUN}-p"
    ),
]
still_active = wandb.run is run
config = dict(run.config)
run.log({"loss": 0.5})
run.finish()
print(json.dumps({"results": results, "still_active": still_active, "config": config}))
