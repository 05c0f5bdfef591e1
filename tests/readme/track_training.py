import fiftyone as fo
import fiftyone.operators as foo
import wandb

dataset = fo.load_dataset("my_dataset")
train_view = dataset.match_tags("train")

wandb.init(project="my-project", name="experiment-1")

operator = foo.get_operator("@harpreetsahota/wandb/log_fiftyone_view_to_wandb")
operator(train_view, project="my-project", run_id=wandb.run.id, include_labels=True)

wandb.log({"accuracy": 0.5})
wandb.finish()
