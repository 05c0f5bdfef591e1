"""Makes of what the worker has read of an artifact a view, and a report about it."""

from __future__ import annotations

import datetime
import json
from typing import Any

import fiftyone as fo

from .. import database, names, query
from ..errors import FIFTYONE, SETTINGS, WandBError
from ..worker import plaintext
from . import idlists, ids, limits, rebuild

#: The actions of ``load_view_from_wandb`` that save a view.
SAVING = ("save_as_view", "both")

#: What ``load_view_from_wandb`` can load of an evaluation's artifact, with the list of ids that each stands for.
ERRORS = {
    "fp": "ID_LIST_FALSE_POSITIVES",
    "fn": "ID_LIST_FALSE_NEGATIVES",
    "wrong": "ID_LIST_WRONG",
    "worse": "ID_LIST_WORSE",
}

# How to say that such a list is empty.
_NONE = {
    "fp": "no false positives",
    "fn": "no false negatives",
    "wrong": "no predictions of a wrong class",
    "worse": "no samples on which the model is worse than the other one",
}

_TEXTS = ("fiftyone_dataset_name", "fiftyone_dataset_id", "group_slice", "predictions_field", "eval_key")


def facts(content: Any) -> dict[str, Any]:
    """The metadata of the worker's ``ArtifactContent``, a dict, without names that are not text.

    Anyone who may write to the project may have written it, and names are looked up in the database.
    """
    found = plaintext.clean_all(json.loads(content.metadata_json or "{}"))
    return {key: value for key, value in found.items() if key not in _TEXTS or isinstance(value, str)}


class Report(dict):
    """The operator's result, which goes everywhere, with the view, which stays here."""

    def __init__(self, dataset: fo.Dataset, view: fo.DatasetView, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.dataset, self.view = dataset, view


class Lists:
    """The lists of ids, as the worker sends them."""

    def __init__(self):
        self._lists = {}

    def add(self, chunk: Any) -> None:
        """Takes one of the worker's ``IdChunk``."""
        self._lists.setdefault(chunk.list, ids.Ids()).extend(chunk.ids)

    def get(self, number: int) -> ids.Ids:
        """A list, as :class:`shim.restoring.ids.Ids`."""
        return self._lists.get(number) or ids.Ids()


class Loader:
    """Makes a view of what the worker has read.

    Args:
        content: the worker's ``ArtifactContent``
        lists: a :class:`Lists` with its ids
        params: the parameters of the operator
        in_app: whether the view is for the App or is to be saved
    """

    def __init__(self, content: Any, lists: Lists, params: dict[str, Any], in_app: bool) -> None:
        self._content, self._lists, self._params, self._in_app = content, lists, params, in_app
        self._work = limits.Work()
        self._metadata = facts(content)
        self._logged_of = self._metadata.get("fiftyone_dataset_name") or content.artifact.dataset_name
        self._logged_id = self._metadata.get("fiftyone_dataset_id", "")
        self._name = f"{content.artifact.name}:{content.artifact.version}"

    def dataset(self, chosen: fo.Dataset | None) -> fo.Dataset:
        """The chosen dataset, or else the one with the artifact's id, whatever it is called now, or with its name."""
        if chosen is not None:
            return chosen

        name = database.dataset_name(self._logged_id) or self._logged_of
        if not name or not fo.dataset_exists(name):
            named = f"It names '{self._logged_of}'" if self._logged_of else "It names none"
            raise WandBError(
                f"The dataset that the artifact {self._name} was logged from is not here. {named}: open the dataset, or "
                "pass it, to restore the view from it",
                source=FIFTYONE,
                code="no_dataset",
            )

        return fo.load_dataset(name)

    def cancel(self) -> None:
        """Ends the work, in MongoDB too. Returns at once."""
        self._work.cancel()

    def load(self, dataset: fo.Dataset, action: str, job_id: str) -> Report:
        """Makes the view, and says how it compares with what was logged."""
        restored = self._restored(dataset)
        return Report(dataset, restored.view, self._values(restored, action, job_id))

    def _restored(self, dataset):
        from ..worker import messages

        idlists.sweep(dataset, self._in_app)
        logged = rebuild.Logged(
            metadata=self._metadata,
            serialization=self._content.serialization_json,
            ids=self._lists.get(messages.ID_LIST_SAMPLES),
            created=_moment(self._content.artifact.created_at),
        )
        restored = rebuild.restore(dataset, logged, bool(self._params.get("by_ids")), self._in_app, self._work)
        if self._logged_of and self._logged_of != dataset.name:
            restored.notes.append(self._other_name(dataset))

        errors = self._params.get("errors")
        try:
            if self._params.get("low_confidence"):
                self._keep_low_confidence(restored, messages.ID_LIST_LOW_CONFIDENCE)

            if errors:
                self._keep_errors(restored, errors, getattr(messages, ERRORS[errors]))
        except BaseException:
            restored.discard()
            raise

        return restored

    def _keep_errors(self, restored, errors, number):
        """Keeps what an evaluation calls wrong."""
        config = self._metadata.get("config")
        config = config if isinstance(config, dict) else {}
        field = config.get("gt_field" if errors == "fn" else "pred_field")
        if number not in self._content.found or not isinstance(field, str):
            why = "only comparisons of two evaluations do" if errors == "worse" else "only evaluations do"
            raise WandBError(
                f"The artifact {self._name} lists {_NONE[errors]}: {why}", source=SETTINGS, code="no_errors_listed"
            )

        found = self._lists.get(number)
        if not len(found):
            raise WandBError(
                f"The evaluation of the artifact {self._name} has {_NONE[errors]}: there is nothing to show",
                source=SETTINGS,
                code="no_errors",
            )

        with self._work.limited():
            if errors == "worse":
                rebuild.select_samples(restored, found, self._in_app, self._work)
            else:
                rebuild.select_labels(restored, field, found, self._in_app)

    def _other_name(self, dataset):
        if query.dataset_id(dataset) == self._logged_id:
            return f"The dataset was renamed: it was called '{self._logged_of}' when it was logged"

        return f"The artifact was logged from the dataset '{self._logged_of}', not from '{dataset.name}'"

    def _keep_low_confidence(self, restored, number):
        field = self._metadata.get("predictions_field") or self._content.artifact.predictions_field
        if number not in self._content.found or not field:
            raise WandBError(
                f"The artifact {self._name} lists no labels with a low confidence: only predictions artifacts do",
                source=SETTINGS,
                code="no_low_confidence",
            )

        found = self._lists.get(number)
        if not len(found):
            raise WandBError(
                f"The model of the artifact {self._name} was sure of all its labels: there is nothing to show",
                source=SETTINGS,
                code="no_low_confidence",
            )

        with self._work.limited():
            rebuild.select_labels(restored, field, found, self._in_app)

    def _values(self, restored, action, job_id):
        artifact = self._content.artifact
        notes = plaintext.clean_all(restored.notes)
        warnings = [{"code": "note", "message": n, "count": 1, "sample_ids": []} for n in notes]
        return {
            "success": True,
            "samples_loaded": restored.rows,
            "view_name": self._params.get("view_name") if action in SAVING else None,
            "artifact_name": self._name,
            "artifact_url": artifact.url,
            "action": action,
            "way": restored.way,
            "gone": restored.gone,
            "deleted": restored.deleted,
            "new": restored.new,
            "changed": restored.changed,
            "entity": artifact.entity,
            "project": artifact.project,
            "logged_dataset": self._logged_of,
            "settings_files": list(self._content.settings_files),
            "used_by_run": names.run_id(self._params.get("run_id")) or None,
            "notes": notes,
            "warnings": warnings,
            "job_id": job_id,
        }


def _moment(text):
    try:
        moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None

    # W&B gives whole seconds: a change in that second counts as made before the artifact was logged.
    return moment if moment.microsecond else moment + datetime.timedelta(seconds=1)
