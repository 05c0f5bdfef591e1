import fiftyone as fo
import fiftyone.operators as foo

dataset = fo.load_dataset("traffic-dataset")

for sample in dataset:
    sample["user_prompt"] = f"Analyze frame {sample.id}: Describe all vehicles and traffic conditions."
    sample.save()

operator = foo.get_operator("@harpreetsahota/wandb/log_model_predictions")
operator(
    dataset,
    model_name="gpt-4-vision",
    predictions_field="vlm_output",
    project="traffic-analysis",
    model_config={
        "system_prompt": "You are an expert traffic safety analyst with 20 years of experience.",
        "temperature": 0.7,
        "max_tokens": 150,
        "model_version": "gpt-4-vision-preview",
    },
    prompt_field="user_prompt",
)
