import fiftyone as fo
import wandb

api = wandb.Api()
artifact = api.artifact("entity/project/training_view:v2")
sample_ids = artifact.metadata["sample_ids"]

dataset = fo.load_dataset("my_dataset")
train_view = dataset.select(sample_ids)
print(f"Recreated training view with {len(train_view)} samples")
