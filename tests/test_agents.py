"""Agents choose operators by their descriptions, and fill them in by their schemas alone."""

import re
from pathlib import Path

import fiftyone.operators as foo
import fiftyone.plugins as fop
import pytest
import yaml
from fiftyone.operators.executor import ExecutionContext

from shim import PLUGIN_NAME, operators
from support import datasets

ROOT = Path(__file__).resolve().parents[1]
SKILL = ROOT / "skills" / "fiftyone-wandb" / "SKILL.md"


@pytest.fixture(scope="module")
def images(media, fiftyone):
    dataset = datasets.images(media, n=4)
    yield dataset
    dataset.delete()


def schema(operator, dataset, params):
    """The properties of an operator's input, as FiftyOne's MCP server gives them to an agent."""
    request = {"dataset_name": dataset.name, "params": dict(params), "target": "inputs"}
    ctx = ExecutionContext(request, operator_uri=operator.uri, required_secrets=operator._plugin_secrets)
    return operator.resolve_type(ctx, "inputs").to_json()["type"]["properties"]


def value_for(name, field):
    """What the schema itself offers: its first choice, its default, or the name as a text."""
    offered = [choice["value"] for choice in field["view"].get("choices") or []]
    return (field["type"].get("values") or offered or [field.get("default") or name])[0]


@pytest.mark.parametrize("name", ["log_fiftyone_view_to_wandb", "log_model_predictions"])
def test_a_call_by_the_schema_alone(operator, fake_worker, images, name):
    """What is required is filled in until nothing is missing."""
    operator, params = operator(name), {}
    for _ in range(10):
        missing = {k: v for k, v in schema(operator, images, params).items() if v["required"] and k not in params}
        if not missing:
            break

        params.update({key: value_for(key, field) for key, field in missing.items()})

    result = foo.execute_operator(operator.uri, dataset=images, params=params)

    assert result.result["success"] and result.error is None
    assert result.result["artifact_url"]


@pytest.mark.parametrize("operator", operators.OPERATORS, ids=lambda operator: operator().config.name)
def test_descriptions_say_what_an_operator_is_for(operator):
    description = operator().config.description
    assert "Weights & Biases" in description or "W&B" in description or "this plugin" in description
    assert 60 < len(description) < 400


@pytest.mark.parametrize("name", ["log_fiftyone_view_to_wandb", "log_model_predictions", "load_view_from_wandb"])
def test_fields_say_what_they_mean_and_their_defaults(operator, fake_worker, images, name):
    form = schema(operator(name), images, {"more_options": True, "include_labels": True, "include_images": True})
    for key, field in form.items():
        if key in ("view_target", "plan", "more_options") or field["view"]["name"] in ("Notice", "Warning"):
            continue

        view = field["view"]
        chosen = field["required"] or field.get("default") is not None
        explained = bool(view.get("description")) or bool(field["type"].get("values"))
        assert view.get("label") and explained, key
        assert chosen or "Default: " in view["description"] or "Empty" in view["description"], key


def test_fiftyone_finds_the_skill():
    declared = yaml.safe_load((ROOT / "fiftyone.yml").read_text("utf-8"))["skills"]
    assert declared == ["fiftyone-wandb"]
    if not hasattr(fop, "list_skills"):
        pytest.skip("this FiftyOne has no skills")

    (skill,) = fop.list_skills(plugin=PLUGIN_NAME)
    assert (skill.name, skill.path) == ("fiftyone-wandb", str(SKILL))
    assert "which data a model was trained on" in skill.description


@pytest.mark.parametrize("operator", operators.OPERATORS, ids=lambda operator: operator().config.name)
def test_every_operator_is_named(operator):
    """In the skill, or among those that agents leave to others."""
    name = operator().config.name
    assert f"`{name}`" in SKILL.read_text("utf-8") + (ROOT / "docs/agents.md").read_text("utf-8")


def test_the_skill_names_operators_and_parameters_that_there_are():
    text = SKILL.read_text("utf-8")
    known = {operator().config.name: operator for operator in operators.OPERATORS}
    named = set(re.findall(r"\b\w+_wandb\w*|log_model_predictions", text)) - {"list_skills"}
    assert named <= set(known)
    for call in re.finditer(r'operator_uri="@harpreetsahota/wandb/(\w+)",\s+params=\{(.*?)\}', text, re.DOTALL):
        keys = set(re.findall(r'"(\w+)":', call[2]))
        assert keys <= set(known[call[1]].defaults()), call[1]
