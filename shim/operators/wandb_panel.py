"""The panel ``WandBPanel``: what there is in W&B, beside the samples.

What is seen is one component of the bundle (``js/``). It asks by panel events, and each
event is one of the methods here. They answer with a dict whose ``state`` is

- ``ready``: the rest is the answer
- ``pending``: ask again soon; ``text`` says what is going on
- ``problem``: ``text`` says what is wrong, and ``code`` is a word for programs

None of them raises, since the App would take the panel away, and none waits for W&B.
"""

from __future__ import annotations

import functools
from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext

from .. import answers, calls, evaluations, jobs, offline, query, settings
from ..errors import FIFTYONE, WandBError, bad_argument
from ..panel import background, data, evaluation_views, selection, tables, views
from ..panel import evaluations as evaluated
from ..worker import logs, plaintext
from .load_view_from_wandb import LoadViewFromWandB
from .show import PANEL
from .sync_wandb_offline import SyncWandBOffline

# The component of the bundle.
_COMPONENT = "WandBPanelView"

# Entries of a page, and versions of an artifact that are shown.
_RUNS = 50
_ARTIFACTS = 50
_VERSIONS = 200
_JOBS = 50

# Points of a curve: more than a panel has pixels for.
_POINTS = 300

# Rows of a table, and how long reading them may take, in seconds.
_ROWS = 8
_TABLE_TIMEOUT = 40.0

# How long what was read of an artifact's samples is kept, in seconds.
_KEPT = 600.0

# The codes of what W&B does not have.
_GONE = ("not_found", "unknown_project")

# How long a view that was just made is kept, in seconds: its stages may hold ids.
_SHOWN = 30.0

# How long an event waits: it keeps one of the server's threads.
_WAIT = 0.4

_log = logs.logger("fiftyone_wandb")


def _event(method):
    """A method whose return value is the answer to an event. All texts in it are clean: see :mod:`shim.worker.plaintext`."""

    @functools.wraps(method)
    def answer(self, ctx):
        return plaintext.clean_all(_outcome(self, ctx))

    def _outcome(self, ctx):
        try:
            return {"state": "ready", **method(self, ctx)}
        except _NotYet as e:
            return {"state": "pending", "text": str(e)}
        except WandBError as e:
            return {"state": "problem", "text": str(e), "code": e.code}
        except Exception as e:
            _log.debug("An event of the panel failed", exc_info=True)
            text = f"The panel could not do that ({type(e).__name__}). The log of 'fiftyone_wandb' has the details"
            return {"state": "problem", "text": text, "code": "internal"}

    return answer


class _NotYet(Exception):
    """The answer is on its way."""


class WandBPanel(foo.Panel):
    """Shows runs, artifacts, predictions, evaluations, jobs and reports."""

    @property
    def config(self) -> foo.PanelConfig:
        return foo.PanelConfig(
            name=PANEL,
            label="W&B",
            icon="/assets/wandb.svg",
            help_markdown="The runs, artifacts, evaluations and reports of your Weights & Biases projects, and this plugin's jobs",
        )

    def render(self, ctx: ExecutionContext) -> types.Property:
        events = {name: getattr(self, name) for name in dir(self) if name.startswith("ask_")}
        view = types.View(component=_COMPONENT, composite_view=True, **events)
        return types.Property(types.Object(), view=view)

    @_event
    def ask_place(self, ctx: ExecutionContext) -> dict[str, Any]:
        """The user, the projects, and what the panel shows first."""
        asked = _asked(ctx)
        found = _answer(asked, {"lookup": {"kind": "LOOKUP_KIND_PROJECTS"}}, ctx)
        return {
            "entity": found.entity,
            "entities": list(found.entities),
            "username": found.username,
            "projects": [data.project(entry) for entry in found.projects],
            "more": bool(found.next),
            "project": asked["project"] or asked["environment"].get("WANDB_PROJECT", ""),
        }

    @_event
    def ask_dataset(self, ctx: ExecutionContext) -> dict[str, Any]:
        """The dataset: its records of runs, its fields, and what an operator has selected for it."""
        return {
            "dataset": ctx.dataset.name if ctx.dataset is not None else None,
            "datasetId": query.dataset_id(ctx.dataset) if ctx.dataset is not None else None,
            "records": data.records(ctx.dataset),
            "fields": data.fields(ctx.dataset),
            "selection": selection.selected(ctx.dataset),
        }

    @_event
    def ask_runs(self, ctx: ExecutionContext) -> dict[str, Any]:
        """A page of the project's runs."""
        request = {
            "kind": "LOOKUP_KIND_RUNS",
            "limit": _RUNS,
            "after": ctx.params.get("after") or "",
            "search": ctx.params.get("search") or "",
            "metrics": list(ctx.params.get("metrics") or []),
        }
        found = _answer(_asked(ctx), {"lookup": request}, ctx)
        return {"runs": [data.run(entry) for entry in found.runs], "next": found.next, "total": found.total}

    @_event
    def ask_run(self, ctx: ExecutionContext) -> dict[str, Any]:
        """A run, with the history of some of its metrics."""
        request = {
            "reference": _text(ctx, "run"),
            "history_keys": list(ctx.params.get("keys") or []),
            "history_points": _POINTS,
            "with_artifacts": True,
        }
        return data.run_details(_answer(_asked(ctx), {"read_run": request}, ctx))

    @_event
    def ask_artifacts(self, ctx: ExecutionContext) -> dict[str, Any]:
        """A page of the project's artifacts, each with its newest version."""
        request = {
            "kind": "LOOKUP_KIND_ARTIFACTS",
            "artifact_types": list(ctx.params.get("types") or []),
            "limit": _ARTIFACTS,
            "details": _ARTIFACTS,
            "after": ctx.params.get("after") or "",
        }
        return _artifacts(_answer(_asked(ctx), {"lookup": request}, ctx))

    @_event
    def ask_versions(self, ctx: ExecutionContext) -> dict[str, Any]:
        """The versions of an artifact."""
        request = {
            "kind": "LOOKUP_KIND_VERSIONS",
            "artifact_name": _text(ctx, "artifact"),
            "limit": _VERSIONS,
            "details": _ARTIFACTS,
        }
        return _artifacts(_answer(_asked(ctx), {"lookup": request}, ctx))

    @_event
    def ask_artifact(self, ctx: ExecutionContext) -> dict[str, Any]:
        """A version of an artifact."""
        request = {"read_artifact": {"reference": _text(ctx, "artifact")}}
        return data.artifact_content(_answer(_asked(ctx), request, ctx))

    @_event
    def ask_table(self, ctx: ExecutionContext) -> dict[str, Any]:
        """The first rows of an artifact's table, with their pictures."""
        asked = _asked(ctx)
        request = {"reference": _text(ctx, "artifact"), "table": ctx.params.get("table") or "", "rows": _ROWS}

        def call(say, stop):
            say("Reading the first rows")
            return tables.head(calls.ask(asked, {"read_table": request}, _TABLE_TIMEOUT, stop=stop, say=say))

        return _value(
            answers.work(
                ["table", asked, request],
                call,
                wait=_WAIT,
                fresh=bool(ctx.params.get("fresh")),
                kept=_KEPT,
                stoppable=True,
            )
        )

    @_event
    def ask_reports(self, ctx: ExecutionContext) -> dict[str, Any]:
        """The project's reports."""
        found = _answer(_asked(ctx), {"lookup": {"kind": "LOOKUP_KIND_REPORTS"}}, ctx)
        return {"reports": [data.report(entry) for entry in found.reports]}

    @_event
    def ask_comparison(self, ctx: ExecutionContext) -> dict[str, Any]:
        """What two versions of an artifact differ in."""
        return {"parts": _comparison(ctx).to_json()}

    @_event
    def ask_show_part(self, ctx: ExecutionContext) -> dict[str, Any]:
        """Shows what was added, removed or kept."""
        _show(ctx, _comparison(ctx).view(_dataset(ctx), _text(ctx, "part")))
        return {}

    @_event
    def ask_predictions(self, ctx: ExecutionContext) -> dict[str, Any]:
        """The classes and confidences of a predictions artifact."""
        return _predictions(ctx).to_json()

    @_event
    def ask_show_class(self, ctx: ExecutionContext) -> dict[str, Any]:
        """Shows the predictions of a class."""
        name = ctx.params.get("class")
        # A class may have an empty name.
        if not isinstance(name, str):
            raise bad_argument("class has to be given")

        _show(ctx, _predictions(ctx).of_class(name))
        return {}

    @_event
    def ask_show_confidence(self, ctx: ExecutionContext) -> dict[str, Any]:
        """Shows the predictions with a confidence in a range."""
        _show(ctx, _predictions(ctx).of_confidence(_number(ctx, "low"), _number(ctx, "high")))
        return {}

    @_event
    def ask_evaluations(self, ctx: ExecutionContext) -> dict[str, Any]:
        """The dataset's evaluations."""
        return {"evaluations": evaluated.listed(ctx.dataset)}

    @_event
    def ask_headline(self, ctx: ExecutionContext) -> dict[str, Any]:
        """What an evaluation has come to, in a few numbers."""
        return evaluated.headline(_numbers(ctx, _text(ctx, "key")))

    @_event
    def ask_evaluation(self, ctx: ExecutionContext) -> dict[str, Any]:
        """The numbers of an evaluation, beside those of a second one if there is one to compare with."""
        key, other = _text(ctx, "key"), ctx.params.get("compare_with")
        return {
            "numbers": evaluated.numbers(_numbers(ctx, key, other)),
            "comparable": evaluations.comparable(_dataset(ctx), key),
        }

    @_event
    def ask_logged_evaluation(self, ctx: ExecutionContext) -> dict[str, Any]:
        """Where an evaluation is in W&B, and whether it is there as it is now."""
        asked, dataset, key = _asked(ctx), _dataset(ctx), _text(ctx, "key")
        types = {"kind": "LOOKUP_KIND_ARTIFACTS", "artifact_types": ["evaluation"]}
        request = {"lookup": {**types, "limit": _ARTIFACTS, "details": _ARTIFACTS}}

        def read(reference):
            try:
                return _answer(asked, {"read_artifact": {"reference": reference}}, ctx)
            except WandBError as e:
                if e.code in _GONE:
                    return None

                raise

        def look_up():
            try:
                return _answer(asked, request, ctx).artifacts
            except WandBError as e:
                if e.code in _GONE:
                    return []

                raise

        # What is asked for again are W&B's answers: the numbers were asked for before.
        return evaluated.logged(dataset, key, _numbers(ctx, key, fresh=False), read, look_up)

    @_event
    def ask_show_evaluated(self, ctx: ExecutionContext) -> dict[str, Any]:
        """Shows what an evaluation has counted: a cell, a class, an outcome, or the worst samples."""
        dataset, params = _dataset(ctx), dict(ctx.params)
        names = ("key", "compare_with", "what", "truth", "predicted", "class", "outcome")
        wanted = {name: params[name] for name in names if isinstance(params.get(name), str)}
        missing = _numbers(ctx, _text(ctx, "key"), fresh=False).missing
        view = _work(
            ctx,
            ["evaluated", query.dataset_id(dataset), wanted],
            lambda say: evaluation_views.shown(dataset, wanted, missing),
            kept=_SHOWN,
        )
        _show(ctx, view)
        return {}

    @_event
    def ask_load(self, ctx: ExecutionContext) -> dict[str, Any]:
        """Starts to make the view that an artifact was logged from; gives the id to ask for it."""
        operator = LoadViewFromWandB()
        names = ("project", "entity", "artifact", "low_confidence", "action", "view_name", "overwrite")
        params = {name: ctx.params.get(name) for name in names}
        job, conclude = operator.job(_dataset(ctx), params, secret=ctx.secret)
        return {"loading": background.start(job, conclude).id}

    @_event
    def ask_loading(self, ctx: ExecutionContext) -> dict[str, Any]:
        """Shows the view when it has been made."""
        running = _ended(_text(ctx, "loading"), "load the view again")
        # They are asked of the App one by one, as the operator itself would.
        for _ in LoadViewFromWandB().effects(ctx, running.result):
            pass

        return {"result": dict(running.result)}

    @_event
    def ask_offline(self, ctx: ExecutionContext) -> dict[str, Any]:
        """The offline runs of this plugin that were not uploaded yet."""
        results = [record.get("result") or {} for record in jobs.list_jobs(limit=_JOBS)]
        known = [result.get("offline_directory") for result in results]
        return {"runs": offline.waiting(path for path in known if isinstance(path, str) and path)}

    @_event
    def ask_sync(self, ctx: ExecutionContext) -> dict[str, Any]:
        """Starts to upload an offline run; gives the id to ask for it. It is a job of the list, with its progress."""
        operator = SyncWandBOffline()
        job, conclude = operator.job(_text(ctx, "directory"), {}, secret=ctx.secret)
        return {"syncing": background.start(job, conclude).id}

    @_event
    def ask_syncing(self, ctx: ExecutionContext) -> dict[str, Any]:
        """What became of an offline run."""
        result = _ended(_text(ctx, "syncing"), "upload the offline run again").result
        return {"result": dict(result)}

    @_event
    def ask_jobs(self, ctx: ExecutionContext) -> dict[str, Any]:
        """What this plugin does and did."""
        return {"jobs": [data.job(record) for record in jobs.list_jobs(limit=_JOBS)]}

    @_event
    def ask_cancel(self, ctx: ExecutionContext) -> dict[str, Any]:
        """Asks for a job to be cancelled."""
        if not jobs.request_cancel(_text(ctx, "job")):
            raise WandBError("This job is no longer running or waiting", code="no_job")

        return {}

    @_event
    def ask_remove_job(self, ctx: ExecutionContext) -> dict[str, Any]:
        """Removes the record of a job that has ended."""
        jobs.delete_job(_text(ctx, "job"))
        return {}


def _asked(ctx):
    """W&B's settings, for the project that the panel shows."""
    asked = settings.collect(
        entity=ctx.params.get("entity"), project=ctx.params.get("project"), secret=ctx.secret, directory=""
    )
    asked.pop("active_run", None)
    return asked


def _answer(asked, request, ctx):
    return _value(answers.ask(asked, request, wait=_WAIT, fresh=bool(ctx.params.get("fresh"))))


def _value(answer):
    if answer.code == answers.PENDING:
        raise _NotYet(answer.problem)

    if answer.problem is not None:
        raise WandBError(answer.problem, code=answer.code)

    return answer.value


def _ended(running_id, again):
    """A job that the panel has started, when it has ended well; until then it is not yet there."""
    running = background.find(running_id)
    if running is None:
        raise WandBError(f"The App's server was restarted in the meantime: {again}", code="no_job")

    if not running.wait(_WAIT):
        raise _NotYet(running.update.label)

    background.forget(running)
    if running.error is not None:
        raise running.error

    return running


def _comparison(ctx):
    asked, dataset = _asked(ctx), _dataset(ctx)
    old, new = _text(ctx, "old"), _text(ctx, "new")
    return _work(
        ctx,
        ["compare", asked, dataset.name, old, new],
        lambda say: views.compare(asked, dataset, old, new, say),
    )


def _predictions(ctx):
    asked, dataset = _asked(ctx), _dataset(ctx)
    reference = _text(ctx, "artifact")
    return _work(
        ctx,
        ["predictions", asked, dataset.name, reference],
        lambda say: views.predictions(asked, dataset, reference, say),
    )


def _work(ctx, question, call, kept=_KEPT):
    return _value(answers.work(question, call, wait=_WAIT, fresh=bool(ctx.params.get("fresh")), kept=kept))


def _numbers(ctx, key, compare_with=None, fresh=None):
    """The worker's ``EvaluationNumbers`` of an evaluation as a whole."""
    if compare_with is not None and not isinstance(compare_with, str):
        raise bad_argument("compare_with has to be the key of an evaluation")

    fresh = bool(ctx.params.get("fresh")) if fresh is None else fresh
    pending = "Reading the results"
    return _value(evaluations.numbers(_dataset(ctx), key, compare_with, wait=_WAIT, fresh=fresh, pending=pending))


def _artifacts(found):
    return {
        "artifacts": [data.artifact(entry) for entry in found.artifacts],
        "next": found.next,
        "total": found.total,
    }


def _show(ctx, view):
    ctx.ops.set_view(view=view)


def _dataset(ctx):
    if ctx.dataset is None:
        raise WandBError("Open a dataset first", source=FIFTYONE, code="no_dataset")

    return ctx.dataset


def _text(ctx, name):
    value = ctx.params.get(name)
    if not isinstance(value, str) or not value:
        raise bad_argument(f"{name} has to be given")

    return value


def _number(ctx, name):
    value = ctx.params.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise bad_argument(f"{name} has to be a number")

    return value
