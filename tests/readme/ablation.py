import fiftyone as fo
import fiftyone.operators as foo
import wandb
from fiftyone import ViewField as F

dataset = fo.load_dataset("my_dataset")
operator = foo.get_operator("@harpreetsahota/wandb/log_fiftyone_view_to_wandb")

wandb.init(project="ablation", name="baseline-full")
operator(dataset, project="ablation", run_id=wandb.run.id, include_labels=True)
wandb.finish()

wandb.init(project="ablation", name="high-quality-only")
high_quality = dataset.match(F("quality_score") > 0.8)
operator(high_quality, project="ablation", run_id=wandb.run.id, include_labels=True)
wandb.finish()

wandb.init(project="ablation", name="balanced-classes")
balanced = dataset.take(100, seed=42)
operator(balanced, project="ablation", run_id=wandb.run.id, include_labels=True)
wandb.finish()
