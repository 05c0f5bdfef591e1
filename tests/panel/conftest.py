"""The panel's events, as the App's server does them for the App."""

import asyncio
import json
import time

import pytest

from support import datasets
from support.fake_worker import module
from support.waiting import SECONDS


class Asked:
    """What came of an event.

    Args:
        answer: what the event's method returned
        shown: what the App was asked to do, without the drawing of the panel
    """

    def __init__(self, answer, shown):
        self.answer, self.shown = answer, shown


@pytest.fixture
def once(operator):
    """Does one event of the panel."""
    from fiftyone.operators.executor import execute_or_delegate_operator

    panel = operator("WandBPanel")

    def once(event, samples=None, **params):
        request = {"params": {"__method__": f"ask_{event}", "panel_id": "p", **params}}
        if samples is not None:
            view = samples.view()
            request.update(dataset_name=view.dataset_name, view=view._serialize(), filters={}, extended={})

        done = asyncio.run(execute_or_delegate_operator(panel.uri, request)).to_json()
        assert done["error"] is None, done["error"]
        # What does not go through JSON does not reach the App.
        json.dumps(done["result"], allow_nan=False)
        requests = [(one["operator_uri"], one["params"]) for one in done["executor"]["requests"]]
        return Asked(done["result"], [one for one in requests if one[0] != "show_panel_output"])

    return once


@pytest.fixture
def ask(once):
    """Does an event of the panel until its answer is there, as the panel itself does."""

    def ask(event, samples=None, **params):
        end, pause = time.monotonic() + SECONDS, 0.05
        while (asked := once(event, samples, **params)).answer["state"] == "pending":
            assert asked.answer["text"]
            assert time.monotonic() < end, f"{event} has no answer"
            params["fresh"] = False
            time.sleep(pause)
            pause = min(1.3 * pause, 0.3)

        return asked

    return ask


@pytest.fixture
def ready(ask):
    """Does an event that has to succeed; gives its answer."""

    def ready(event, samples=None, **params):
        answer = ask(event, samples, **params).answer
        assert answer["state"] == "ready", answer
        return answer

    return ready


@pytest.fixture(autouse=True)
def nothing_asked_before(operator):
    """Each test asks again."""
    module(operator("WandBPanel"), "answers").forget()


@pytest.fixture
def images(media, fiftyone):
    dataset = datasets.images(media)
    yield dataset
    dataset.delete()
