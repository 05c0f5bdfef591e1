import fiftyone as fo
import fiftyone.operators as foo

dataset = fo.load_dataset("my_dataset")
session = fo.launch_app(dataset)

operator = foo.get_operator("@harpreetsahota/wandb/load_view_from_wandb")
view = operator(dataset, project="project", artifact="training_view:v2")
session.view = view
