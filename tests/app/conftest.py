"""The real App in a real browser, with the plugin, the worker and the stand-in for W&B.

Starting an App's server and loading its page take seconds, so all tests share one tab.
"""

import json
import math

import pytest

from support import app as surroundings
from support.fake_worker import module

DATASET = "digits"
PROJECT = "digits-in-the-app"


@pytest.fixture(scope="package")
def chromium():
    """A browser."""
    with surroundings.browser() as started:
        yield started


@pytest.fixture(scope="session")
def digits(fiftyone, tmp_path_factory):
    """Handwritten digits with a classifier's predictions."""
    import cv2
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    fo, directory, data = fiftyone, tmp_path_factory.mktemp("digits"), load_digits()
    known, shown = slice(0, 400), slice(400, 460)
    model = LogisticRegression(max_iter=200).fit(data.data[known], data.target[known])
    sure = model.predict_proba(data.data[shown])
    samples = []
    for i, picture in enumerate(data.images[shown]):
        path = directory / f"{i:03}.png"
        large = cv2.resize((255 - picture * 15.9).astype(np.uint8), (160, 160), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(path), large)
        samples.append(
            fo.Sample(
                filepath=str(path),
                tags=["train" if i % 3 else "val"],
                metadata=fo.ImageMetadata.build_for(str(path)),
                ground_truth=fo.Classification(label=str(data.target[shown][i])),
                predictions=fo.Classification(label=str(sure[i].argmax()), confidence=float(sure[i].max())),
            )
        )

    dataset = fo.Dataset(DATASET, persistent=True)
    dataset.add_samples(samples)
    yield dataset
    dataset.delete()


@pytest.fixture(scope="package")
def _tab(chromium, digits, project, mongod, wandb_server, tmp_path_factory):
    variables = {"FIFTYONE_WANDB_URL": wandb_server.url, "FIFTYONE_WANDB_API_KEY": wandb_server.key}
    home = tmp_path_factory.mktemp("app")
    with (
        surroundings.serve(home, mongod, DATASET, **variables) as address,
        surroundings.visit(chromium, address) as visit,
    ):
        yield visit


@pytest.fixture
def app(_tab, login):
    """The App of somebody who is logged in, as a Visit; no error may have come up at the end."""
    login.heal()
    _tab.rest()
    yield _tab
    _tab.picture("at-the-end")
    assert _tab.errors == []
    assert _tab.page.get_by_text("Unhandled error").count() == 0
    assert _tab.page.locator("iframe").count() == 0


@pytest.fixture
def panel(app, project):
    """The same, with the panel open at the project."""
    app.open_panel()
    app.choose_project(project)
    return app


@pytest.fixture(scope="session")
def project(wandb_server, digits):
    """A project with runs, curves, two versions of an artifact, predictions and a report."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FIFTYONE_WANDB_URL", wandb_server.url)
        environment.setenv("FIFTYONE_WANDB_API_KEY", wandb_server.key)
        _make_runs(wandb_server)
        _log(digits)
        wandb_server.make_report(PROJECT, "What the digits taught us")

    return PROJECT


def _make_runs(server):
    for index, (run_id, rate) in enumerate([("baseline", 0.05), ("deeper", 0.09), ("augmented", 0.13)]):
        steps = range(0, 400, 4)
        loss = [2.3 * math.exp(-rate * i / 8) + 0.08 * math.sin(i / (3 + index)) / (1 + i / 40) + 0.1 for i in steps]
        accuracy = [1 - 0.9 * math.exp(-rate * i / 6) for i in steps]
        server.make_run(
            PROJECT,
            run_id,
            f"{run_id}-svm",
            tags=["digits", run_id],
            summaryMetrics=json.dumps({"loss": loss[-1], "val/accuracy": accuracy[-1], "epoch": 20}),
            config=json.dumps({"learning_rate": {"value": rate}, "layers": {"value": 2 + index}}),
        )
        rows = [json.dumps({"_step": i, "loss": loss[k], "val/accuracy": accuracy[k]}) for k, i in enumerate(steps)]
        server.stream(PROJECT, run_id, rows, complete=True, exitcode=0)


def _log(digits):
    import fiftyone.operators as foo

    def operator(name):
        return foo.get_operator(f"@harpreetsahota/wandb/{name}")

    log_view, train = operator("log_fiftyone_view_to_wandb"), digits.match_tags("train")
    log_view(train.limit(30), project=PROJECT, run_id="baseline", artifact_name="digits_train")
    log_view(train, project=PROJECT, run_id="augmented", artifact_name="digits_train")
    operator("log_model_predictions")(
        digits,
        model_name="svm",
        predictions_field="predictions",
        project=PROJECT,
        artifact_name="digits_predictions",
        low_confidence_threshold=0.6,
    )
    operator("log_wandb_run")(digits, PROJECT, run_id="augmented", predictions_field="predictions")
    # The panel shows what was selected last: nothing.
    module(operator("show_wandb_run"), "panel.selection")._store().clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    tab = item.funcargs.get("app") or item.funcargs.get("other")
    if report.when == "call" and report.failed and tab:
        tab.picture(f"failed-{item.name}")
        tab.failed = True

    return report
