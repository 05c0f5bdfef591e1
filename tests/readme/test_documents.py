"""The code of the README, the operators' reference and the tutorials runs, and prints what they show."""

from pathlib import Path

import pytest

from shim import operators
from support import datasets
from tests.readme import run_document

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DOCUMENTS = ["README.md", "docs/operators.md"]
TUTORIALS = sorted((ROOT / "docs/tutorials").glob("*.ipynb"))
#: The one that `make test-fast` runs: FiftyOne, the worker and W&B's client, from end to end.
FAST = "track-training-data"


@pytest.fixture(scope="module")
def my_project(server):
    """The run and the report that the documents name."""
    server.make_run("my-project", "forty2", "experiment-42")
    server.make_report("my-project", "How it went")


@pytest.fixture
def my_data(media, fiftyone, my_project):
    """The dataset that the documents name, as it is before each of them."""
    dataset = datasets.images(media, persistent=True)
    dataset.name = "my-dataset"
    for sample in dataset.iter_samples(autosave=True):
        for detection in sample["predictions"].detections if sample["predictions"] else ():
            detection.confidence = detection.confidence or 0.3  # evaluations with mAP need all of them

    yield dataset
    dataset.delete()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents(run_script, my_data, document):
    run_script(HERE / "run_document.py", ROOT / document)


def test_there_are_tutorials():
    assert len(TUTORIALS) >= 3


@pytest.mark.parametrize(
    "notebook",
    [pytest.param(path, id=path.stem, marks=[pytest.mark.fast] * (path.stem == FAST)) for path in TUTORIALS],
)
def test_tutorials(run_script, notebook):
    """As notebooks, which hold the same code and output as the Markdown."""
    run_script(HERE / "run_document.py", notebook)


@pytest.mark.parametrize("printed", ["2\n", "3\n"])
def test_what_is_printed_is_compared(tmp_path, printed):
    document = tmp_path / "document.md"
    document.write_text(f"```python\nx = 1\nprint(x + 1)\n```\n\n```text\n{printed}```\n")

    if printed == "2\n":
        run_document.run(document)
    else:
        with pytest.raises(AssertionError, match="document.md:2 printed"):
            run_document.run(document)


def test_every_operator_is_called_in_the_reference():
    """Apart from those that have no call, such as the login."""
    text = (ROOT / "docs/operators.md").read_text("utf-8")
    called = [operator().config.name for operator in operators.OPERATORS if "__call__" in vars(operator)]
    assert [name for name in called if f'get_operator("@harpreetsahota/wandb/{name}")' not in text] == []
