"""Logs a dataset as somebody's script would, so that tests can interrupt it."""

import sys

import fiftyone as fo
import fiftyone.operators as foo

DATASET, PROJECT, RUN, ARTIFACT = sys.argv[1:]

dataset = fo.load_dataset(DATASET)
log_view = foo.get_operator("@harpreetsahota/wandb/log_fiftyone_view_to_wandb")
print("ready", flush=True)
try:
    result = log_view(dataset, project=PROJECT, run_id=RUN, artifact_name=ARTIFACT, include_labels=True)
    print("success", result, flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
