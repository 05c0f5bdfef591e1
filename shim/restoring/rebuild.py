"""Makes a view again of what an artifact says of it: of its stages, or else of its ids."""

import datetime
from dataclasses import dataclass, field

import fiftyone.core.labels as fol

from .. import query, schema
from ..errors import FIFTYONE, SETTINGS, WandBError
from . import idlists, stagecheck, stages

#: How a view was made: the dataset as it is, the stored stages, or the stored ids.
DATASET = "dataset"
STAGES = "stages"
IDS = "ids"

_SLICE_STAGES = {"SelectGroupSlices", "ExcludeGroupSlices"}
_GENERATING_STAGES = {"ToPatches", "ToEvaluationPatches", "ToClips", "ToTrajectories", "ToFrames"}

_RANDOM_ANEW = (
    "FiftyOne makes the order of patches, clips and frames anew each time, and the artifact does not say their ids: "
    "the view's take() and shuffle() choose others than those that were logged"
)

# How long MongoDB may be at stages out of an artifact: they could be made to never end.
_SECONDS = 600


@dataclass
class Restored:
    """A view that was made again, and how it compares with what was logged.

    Attributes:
        view: the view
        way: one of this module's constants
        rows: the number of its rows
        gone: how many of the logged samples are not in it
        deleted: how many of these are not in the dataset any more
        new: how many samples in it were not logged
        changed: how many of the logged samples in it have changed since
        notes: what a person should know, in sentences
    """

    view: object
    way: str
    rows: int
    gone: int = 0
    deleted: int = 0
    new: int = 0
    changed: int = 0
    notes: list = field(default_factory=list)


@dataclass(frozen=True)
class Logged:
    """What an artifact says of the view that it was made from.

    Args:
        metadata: the artifact's metadata, a dict
        serialization: the view's stages as JSON; empty for none
        ids: the ids of its samples, 12 bytes for each row; empty if it has no list of them
        created: when the artifact was made, or None if that is not known
    """

    metadata: dict
    serialization: str
    ids: bytes
    created: datetime.datetime | None = None

    @property
    def is_whole(self):
        """Whether the view was the whole dataset, as far as the artifact says."""
        if "is_subset_view" in self.metadata:
            return self.metadata["is_subset_view"] is False

        size = self.metadata.get("fiftyone_view_size")
        return size is not None and size == self.metadata.get("fiftyone_dataset_size")


def restore(dataset, logged, by_ids=False, in_app=False):
    """Makes the logged view again.

    Args:
        dataset: the dataset to make it of
        logged: a :class:`Logged`
        by_ids (False): whether to use the ids even if there are stages
        in_app (False): whether the view is for the App or is to be saved

    Returns:
        a :class:`Restored`

    Raises:
        StagesRefused: if the stages are not known to be harmless
        WandBError: if no view can be made
    """
    maker = _Maker(dataset, logged, in_app)
    restored = None
    if not by_ids:
        restored = maker.by_stages() if logged.serialization else maker.whole()

    if restored is None:
        restored = maker.by_ids()

    if restored.rows == 0:
        raise _empty(dataset, logged, restored)

    return restored


def select_labels(restored, path, ids, in_app=False):
    """Keeps the labels with the given ids only, and the samples that have any.

    Args:
        restored: a :class:`Restored`, whose view and rows change
        path: the label field
        ids: 12 bytes for each id
        in_app (False): whether the view is for the App or is to be saved

    Raises:
        WandBError: if the view has no such field, or no such labels
    """
    label_field = restored.view.get_field(path)
    if label_field is None or not schema.is_label(label_field):
        raise WandBError(
            f"The artifact lists labels of the field '{path}', but this view of dataset "
            f"'{restored.view.dataset_name}' has no such label field",
            source=FIFTYONE,
            code="missing_field",
        )

    label_type = label_field.document_type
    root = f"{path}.{label_type._LABEL_LIST_FIELD}" if issubclass(label_type, fol._HasLabelList) else None
    wanted = idlists.distinct(idlists.array(ids))
    restored.view = idlists.select_labels(restored.view, path, root, wanted, in_app)
    restored.rows = len(restored.view)
    if restored.rows == 0:
        raise WandBError(
            f"The dataset has none of the {len(wanted):,} labels that the artifact lists: the field '{path}' has been "
            "written anew since, or belongs to another dataset",
            source=FIFTYONE,
            code="labels_gone",
        )


class _Maker:
    def __init__(self, dataset, logged, in_app):
        self._dataset = dataset
        self._logged = logged
        self._in_app = in_app
        self._ids = idlists.distinct(idlists.array(logged.ids))
        self._notes = []
        # Before a view is made: making clips touches samples.
        self._changed = idlists.array(query.changed_ids(dataset, logged.created) if logged.created else b"")

    def by_stages(self):
        """The view that the stages give; None if they give none and the ids are to be used."""
        try:
            found = stages.parse(self._logged.serialization)
            self._notes += found.notes
            if found.is_random_anew:
                self._notes.append(_RANDOM_ANEW)

            view = stages.apply(found.stages, self._start(found.names))
            restored = self._compare(view, STAGES)
            foreign = found.changes_documents and query.has_foreign_files(view, _SECONDS)
        except stagecheck.StagesUnusable as e:
            self._give_up_stages(str(e))
            return None
        except query.BadRows as e:
            self._give_up_stages(stagecheck.printable(str(e), 300))
            return None

        if foreign:
            raise stagecheck.StagesRefused("it shows other files than its samples have", "It is not used")

        if restored.rows == 0 and len(self._ids):
            self._give_up_stages("with the dataset as it is now they give no sample")
            return None

        return restored

    def whole(self):
        """The whole dataset, if that is what was logged; else None."""
        return self._compare(self._start(set()), DATASET) if self._logged.is_whole or not len(self._ids) else None

    def by_ids(self):
        """The samples with the stored ids that the dataset still has."""
        if not len(self._ids):
            raise WandBError(
                "The artifact has no list of sample ids, so no view can be made of it", source=SETTINGS, code="no_ids"
            )

        left = self._ids[idlists.contained(self._ids, idlists.array(query.all_ids(self._dataset)))]
        deleted = len(self._ids) - len(left)
        view = idlists.select(self._slices(left), left, self._in_app) if len(left) else None
        changed = int(idlists.contained(left, self._changed).sum())
        return Restored(view, IDS, len(left), deleted, deleted, changed=changed, notes=self._notes)

    def _give_up_stages(self, reason):
        if not len(self._ids):
            raise WandBError(
                f"The view's stages cannot be used, because {reason}, and the artifact has no list of sample ids",
                source=FIFTYONE,
                code="bad_view",
            )

        self._notes.append(
            f"The view's stages cannot be used, because {reason}. The samples were selected by their ids: "
            "without the view's label filters, and patches, clips and frames as the samples that they come from"
        )

    def _start(self, names):
        """The whole dataset, with the group slice that was active then."""
        view = self._dataset.view()
        if view.media_type != "group":
            return view

        name = self._logged.metadata.get("group_slice")
        if name is None and len(self._ids) and not names & (_SLICE_STAGES | _GENERATING_STAGES):
            # Artifacts of the original plugin do not say it, but the samples do.
            found = query.slices_of(self._dataset, idlists.texts(self._ids[:1000]))
            name = found[0] if len(found) == 1 else None

        return query.with_group_slice(view, name)

    def _slices(self, ids):
        """A view of the dataset that has the samples with these ids in its rows."""
        view = self._dataset.view()
        if view.media_type != "group":
            return view

        found = set()
        for begin in range(0, len(ids), 100_000):
            found.update(query.slices_of(self._dataset, idlists.texts(ids[begin : begin + 100_000])))

        if len(found) == 1:
            return query.with_group_slice(view, found.pop())

        return view.select_group_slices(sorted(found), _allow_mixed=True)

    def _compare(self, view, way):
        rows = idlists.array(query.source_ids(view, _SECONDS if way == STAGES else None))
        now = idlists.distinct(rows)
        restored = Restored(view, way, len(rows), notes=self._notes)
        if not len(self._ids):
            return restored

        there = idlists.contained(self._ids, now)
        gone = self._ids[~there]
        restored.gone = len(gone)
        if len(gone):
            everything = idlists.array(query.all_ids(self._dataset))
            restored.deleted = int((~idlists.contained(gone, everything)).sum())

        restored.new = int((~idlists.contained(now, self._ids)).sum())
        restored.changed = int(idlists.contained(self._ids[there], self._changed).sum())
        return restored


def _empty(dataset, logged, restored):
    name = logged.metadata.get("fiftyone_dataset_name")
    if name and name != dataset.name:
        hint = f"It was made of the dataset '{name}': load it into that, or into a copy of it"
    elif restored.deleted:
        hint = f"{restored.deleted:,} of its samples are not in the dataset any more"
    else:
        hint = "The dataset has changed since it was logged"

    return WandBError(
        f"The artifact's view has no samples in the dataset '{dataset.name}'. {hint}",
        source=SETTINGS,
        code="empty_view",
    )
