"""Who cannot get to W&B is told why, by every operator that reads from it."""

import pytest

from support import datasets
from tests.e2e.common import PROJECT

#: A way to be kept out, and the code of the error: each has its own.
CASES = {
    "no key": "no_key",
    "a key that is not known": "bad_key",
    "no server": "unreachable",
    "a team that is closed": "no_permission",
    "nobody": "unknown_entity",
}

CALLS = {
    "load_view_from_wandb": lambda op, images, entity: op(images, PROJECT, "train:v0", entity=entity),
    "log_wandb_run": lambda op, images, entity: op(images, PROJECT, "some-run", entity=entity),
    "show_wandb_run": lambda op, images, entity: op(images, PROJECT, "some-run", entity=entity),
    "show_wandb_report": lambda op, images, entity: op(images, PROJECT, "a report", entity=entity),
}


@pytest.fixture(scope="module")
def images(media, fiftyone):
    dataset = datasets.images(media, n=2)
    yield dataset
    dataset.delete()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", CALLS)
def test_told_apart(operator, server, images, monkeypatch, name, case):
    entity = {"a team that is closed": "closed-team", "nobody": "nobody-has-this"}.get(case)
    if case == "no key":
        for variable in ("FIFTYONE_WANDB_API_KEY", "WANDB_API_KEY"):
            monkeypatch.delenv(variable)
    elif case == "a key that is not known":
        monkeypatch.setenv("FIFTYONE_WANDB_API_KEY", "f" * 40)
    elif case == "no server":
        monkeypatch.setenv("FIFTYONE_WANDB_URL", "http://127.0.0.1:9")
    one = operator(name)

    with pytest.raises(RuntimeError) as caught:
        CALLS[name](one, images, entity)

    assert caught.value.code == CASES[case]
    assert images.list_runs() == []
    if case == "no key":
        assert f"wandb login --host={server.url}" in str(caught.value)
