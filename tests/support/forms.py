"""Forms as the App asks for them."""

from fiftyone.operators.executor import ExecutionContext

from support import markdown

VIEW, PREDICTIONS, LOAD = "log_fiftyone_view_to_wandb", "log_model_predictions", "load_view_from_wandb"
EVALUATION = "log_evaluation_to_wandb"
NAMES = (VIEW, PREDICTIONS, LOAD)


def fields(operator, samples, params=None, **request):
    """The fields of a form as the App asks for it, with More options unless the parameters say otherwise."""
    view = samples.view()
    request = {
        "dataset_name": view.dataset_name,
        "view": view._serialize(),
        "params": {"more_options": True, **(params or {})},
        "filters": {},
        "extended": {},
        "target": "inputs",
        **request,
    }
    ctx = ExecutionContext(request, operator_uri=operator.uri, required_secrets=operator._plugin_secrets)
    return markdown.read_notices(operator.resolve_type(ctx, "inputs").to_json()["type"]["properties"])


def offered(field):
    return {choice["value"]: choice["label"] for choice in field["view"].get("choices", [])}
