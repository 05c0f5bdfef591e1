"""What all operators owe their callers: documented parameters, and records that show what was given."""

import ast
import inspect
from pathlib import Path

import docstrings
import pytest

from shim import operators
from shim.operators.base import JobOperator

ROOT = Path(__file__).resolve().parents[1]
CALLABLE = [operator for operator in operators.OPERATORS if "__call__" in vars(operator)]
JOBS = [operator for operator in operators.OPERATORS if issubclass(operator, JobOperator)]


def parameters(operator):
    _self, *found = inspect.signature(operator.__call__).parameters.values()
    return found


def name(operator):
    return operator().config.name


@pytest.mark.parametrize("operator", CALLABLE, ids=name)
def test_every_parameter_is_documented(operator):
    """In the order of the signature, each with its default. A default of None may stand for another value."""
    documented = docstrings.parse(operator.__call__).arguments

    assert [argument.name for argument in documented] == [parameter.name for parameter in parameters(operator)]
    for argument, parameter in zip(documented, parameters(operator)):
        assert argument.text
        if parameter.default is inspect.Parameter.empty:
            assert argument.default is None
        elif parameter.default is not None:
            assert ast.literal_eval(argument.default) == parameter.default


@pytest.mark.parametrize("operator", CALLABLE, ids=name)
def test_what_comes_back_is_documented(operator):
    assert docstrings.parse(operator.__call__).returns


@pytest.mark.parametrize("operator", JOBS, ids=name)
def test_a_call_hands_on_all_its_parameters(operator, monkeypatch):
    """Each argument has to arrive in the job, under its own name and with its value."""
    arguments = {parameter.name: object() for parameter in parameters(operator) if parameter.name not in operator.HOW}
    samples, *names = arguments
    ran = {}
    report = type("Report", (dict,), {"view": None})

    def run_here(self, samples, params, progress=None):
        ran.update(samples=samples, params=params)
        return report()

    monkeypatch.setattr(operator, "run_here", run_here)

    operator()(**arguments)

    assert ran["samples"] is arguments[samples]
    assert {name: ran["params"][name] for name in names} == {name: arguments[name] for name in names}
    assert set(ran["params"]) - set(names) <= set(operator.FORM_ONLY)


@pytest.mark.parametrize("operator", JOBS, ids=name)
def test_a_record_shows_what_was_given_and_no_secrets(operator):
    defaults = operator.defaults()

    assert operator().recorded(defaults | dict.fromkeys(operator.NOT_RECORDED, "secret")) == {}

    given = dict.fromkeys(defaults, "given") | {"view_target": "a form's own", "model_config_json": "secret"}
    assert set(operator().recorded(given)) == set(defaults) - set(operator.NOT_RECORDED)


def test_the_configuration_of_a_model_is_not_recorded():
    """It may hold a key for the model's server."""
    assert "model_config" in operators.LogModelPredictions.NOT_RECORDED


def public_functions():
    """The functions of the shim that other modules, or FiftyOne, call; the decoder is a program of its own."""
    for path in sorted((ROOT / "shim").rglob("*.py")):
        if path.name == "decoder.py":
            continue

        pending = [(ast.parse(path.read_text("utf-8")), "")]
        while pending:
            node, prefix = pending.pop()
            for child in ast.iter_child_nodes(node):
                name = getattr(child, "name", "_")
                if name.startswith("_") and name not in ("__init__", "__call__"):
                    continue

                if isinstance(child, ast.ClassDef):
                    pending.append((child, f"{prefix}{name}."))
                elif isinstance(child, ast.FunctionDef):
                    yield f"{path.relative_to(ROOT)}: {prefix}{name}", child


def test_public_functions_say_their_types():
    bare = []
    for name, function in public_functions():
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        untyped = [a.arg for a in arguments if a.annotation is None and a.arg not in ("self", "cls")]
        if untyped or (function.returns is None and function.name != "__init__"):
            bare.append(name)

    assert bare == []
