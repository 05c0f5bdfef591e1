"""Makes a view again of what an artifact says of it: of its stages, or else of its ids."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field

import fiftyone as fo
import numpy as np

from .. import query, schema
from ..errors import FIFTYONE, SETTINGS, WandBError
from . import idlists, ids, limits, rows, stagecheck, stages

#: How a view was made: the dataset as it is, the stored stages, or the stored ids.
DATASET = "dataset"
STAGES = "stages"
IDS = "ids"

_SLICE_STAGES = {"SelectGroupSlices", "ExcludeGroupSlices"}
_GENERATING_STAGES = {"ToPatches", "ToEvaluationPatches", "ToClips", "ToTrajectories", "ToFrames"}

_RANDOM_ANEW = (
    "FiftyOne gives patches, clips and frames another order each time, and the artifact does not say their ids: "
    "the view's take() and shuffle() choose others than those that were logged"
)


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
        notes: what the user should know, in sentences
        discard: removes what was generated for the view, if it turns out to be of no use
    """

    view: object
    way: str
    rows: int
    gone: int = 0
    deleted: int = 0
    new: int = 0
    changed: int = 0
    notes: list = field(default_factory=list)
    discard: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Logged:
    """What an artifact says of the view that it was made from.

    Args:
        metadata: the artifact's metadata, a dict
        serialization: the view's stages as JSON; empty for none
        ids: the ids of its samples, an :class:`shim.restoring.ids.Ids`, or 12 bytes for each row; empty if it has no
            list of them
        created: when the artifact was made, or None if that is not known
    """

    metadata: dict
    serialization: str
    ids: object
    created: datetime.datetime | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the view was the whole dataset, as far as the artifact says."""
        if "is_subset_view" in self.metadata:
            return self.metadata["is_subset_view"] is False

        size = self.metadata.get("fiftyone_view_size")
        return size is not None and size == self.metadata.get("fiftyone_dataset_size")


def restore(
    dataset: fo.Dataset, logged: Logged, by_ids: bool = False, in_app: bool = False, work: limits.Work | None = None
) -> Restored:
    """Makes the logged view again. Nothing is written but what FiftyOne generates, and long lists of ids.

    Args:
        dataset: the dataset to make it of
        logged: a :class:`Logged`
        by_ids (False): whether to use the ids even if there are stages
        in_app (False): whether the view is for the App or is to be saved
        work (None): a :class:`shim.restoring.limits.Work`, by which it can be cancelled

    Returns:
        a :class:`Restored`

    Raises:
        StagesRefused: if the stages are not known to be harmless
        WandBError: if no view can be made
        WandBCancelled: if the work was cancelled
    """
    work = work or limits.Work()
    rebuilder = _Rebuilder(dataset, logged, in_app, work)
    restored = None
    if not by_ids:
        with work.limited():
            restored = rebuilder.by_stages() if logged.serialization else rebuilder.whole()

    if restored is None:
        with work.limited():
            restored = rebuilder.by_ids()

    if restored.rows == 0:
        raise _empty(dataset, logged, restored)

    return restored


def select_labels(restored: Restored, path: str, wanted: ids.Ids, in_app: bool = False) -> None:
    """Keeps the labels with the given ids only, and the samples that have any.

    Args:
        restored: a :class:`Restored`, whose view and rows change
        path: the label field
        wanted: an :class:`shim.restoring.ids.Ids`, or 12 bytes for each id
        in_app (False): whether the view is for the App or is to be saved

    Raises:
        WandBError: if the view has no such field, or no such labels
    """
    label_field = restored.view.get_field(path)
    if label_field is None or not schema.is_label(label_field):
        raise WandBError(
            f"The artifact lists labels of the field '{stagecheck.printable(path, 80)}', but this view of dataset "
            f"'{restored.view.dataset_name}' has no such label field",
            source=FIFTYONE,
            code="missing_field",
        )

    root = schema.label_list(path, label_field)
    wanted = _ids(wanted)
    # Keep only ids that exist: a list in an artifact may have any length.
    mask = np.zeros(len(wanted), dtype=bool)
    for part in ids.parts(wanted=wanted, there=rows.label_ids(restored.view, root or path)):
        mask[part.first[part.has["wanted"] & part.has["there"]]] = True

    there = wanted.chosen(mask)
    restored.rows = 0
    if len(there):
        restored.view = idlists.select_labels(restored.view, path, root, there, in_app)
        restored.rows = len(restored.view)

    if restored.rows == 0:
        raise WandBError(
            f"The dataset has none of the {len(wanted):,} labels that the artifact lists: the field '{path}' was "
            "rewritten since, or belongs to another dataset",
            source=FIFTYONE,
            code="labels_gone",
        )


def select_samples(restored: Restored, wanted: ids.Ids, in_app: bool = False, work: limits.Work | None = None) -> None:
    """Keeps the samples with the given ids only, in their order.

    Args:
        restored: a :class:`Restored`, whose view and rows change
        wanted: an :class:`shim.restoring.ids.Ids`
        in_app (False): whether the view is for the App or is to be saved
        work (None): a :class:`shim.restoring.limits.Work`, by which it can be cancelled

    Raises:
        WandBError: if the view has none of them
    """
    mask = np.zeros(len(wanted), dtype=bool)
    now = rows.source_ids(restored.view, work or limits.Work(), restored.rows)
    for part in ids.parts(wanted=wanted, there=now):
        mask[part.first[part.has["wanted"] & part.has["there"]]] = True

    left = wanted.chosen(mask)
    if not len(left):
        raise WandBError(
            f"The dataset has none of the {len(wanted):,} samples that the artifact lists any more",
            source=FIFTYONE,
            code="samples_gone",
        )

    restored.view = idlists.select(restored.view, left, in_app)
    restored.rows = len(left)


class _Rebuilder:
    def __init__(self, dataset, logged, in_app, work):
        self._dataset = dataset
        self._logged = logged
        self._in_app = in_app
        self._work = work
        self._ids = _ids(logged.ids)
        self._notes = []
        self._most = limits.most_rows(len(self._ids), rows.size(dataset))

    def by_stages(self):
        """The view that the stages give; None if they give none and the ids are to be used."""
        builder = None
        try:
            found = stages.parse(self._logged.serialization)
            self._notes += found.notes
            if found.has_new_random_rows:
                self._notes.append(_RANDOM_ANEW)

            builder = stages.Builder(self._start(found.names), self._work, self._most)
            view = builder.apply(found.stages)
            restored = self._compare(view, STAGES)
            foreign = rows.foreign_file(view, self._work) if found.makes_documents else None
            if foreign is not None:
                raise stagecheck.StagesRefused(
                    f"it shows {stagecheck.printable(repr(foreign), 200)}, a file which its samples do not have",
                    "It is not used",
                )
        except (stagecheck.StagesUnusable, rows.BadRows) as e:
            _discard(builder)
            self._give_up_stages(stagecheck.printable(str(e), 300))
            return None
        except rows.TooManyRows as e:
            _discard(builder)
            raise stagecheck.StagesRefused(str(e), "It is not used") from None
        except BaseException:
            _discard(builder)
            raise

        restored.discard = builder.discard
        if restored.rows == 0:
            builder.discard()
            if len(self._ids):
                self._give_up_stages("with the dataset as it is now they give no sample")
                return None

        return restored

    def whole(self):
        """The whole dataset, if that is what was logged; else None."""
        return self._compare(self._start(set()), DATASET) if self._logged.is_whole else None

    def by_ids(self):
        """The samples with the stored ids that the dataset still has."""
        if not len(self._ids):
            raise WandBError(
                "The artifact has no list of sample ids, so no view can be restored from it",
                source=SETTINGS,
                code="no_ids",
            )

        deleted = changed = 0
        mask = np.zeros(len(self._ids), dtype=bool)
        for part in ids.parts(
            logged=self._ids, dataset=rows.all_ids(self._dataset, self._work), changed=self._changed()
        ):
            logged, there = part.has["logged"], part.has["dataset"]
            mask[part.first[logged & there]] = True
            deleted += int((logged & ~there).sum())
            changed += int((logged & there & part.has["changed"]).sum())

        left = self._ids.chosen(mask)
        view = idlists.select(self._slices(left), left, self._in_app) if len(left) else None
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

    def _changed(self):
        created = self._logged.created
        return rows.changed_ids(self._dataset, created, self._work) if created else ids.Ids()

    def _start(self, names):
        """The whole dataset, with the group slice that was active then."""
        view = self._dataset.view()
        if view.media_type != "group":
            return view

        name = self._logged.metadata.get("group_slice")
        if name is None and len(self._ids) and not names & (_SLICE_STAGES | _GENERATING_STAGES):
            # Artifacts of the original plugin do not name the slice, but the samples do.
            first = next(self._ids.chunks())[:1000]
            found = rows.slices_of(self._dataset, ids.texts(first))
            name = found[0] if len(found) == 1 else None

        return query.with_group_slice(view, name)

    def _slices(self, left):
        """A view of the dataset that has the samples with these ids in its rows."""
        view = self._dataset.view()
        if view.media_type != "group":
            return view

        found = set()
        for chunk in left.chunks():
            found.update(rows.slices_of(self._dataset, ids.texts(chunk)))

        if len(found) == 1:
            return query.with_group_slice(view, found.pop())

        return view.select_group_slices(sorted(found), _allow_mixed=True)

    def _compare(self, view, way):
        now = rows.source_ids(view, self._work, self._most)
        restored = Restored(view, way, len(now), notes=self._notes)
        if not len(self._ids):
            return restored

        lists = {
            "logged": self._ids,
            "now": now,
            "dataset": rows.all_ids(self._dataset, self._work),
            "changed": self._changed(),
        }
        known = 0
        for part in ids.parts(**lists):
            logged, there = part.has["logged"], part.has["now"]
            known += int((logged & there).sum())
            restored.gone += int((logged & ~there).sum())
            restored.deleted += int((logged & ~there & ~part.has["dataset"]).sum())
            restored.new += int((there & ~logged).sum())
            restored.changed += int((logged & there & part.has["changed"]).sum())

        if restored.rows and not known:
            restored.notes.append(
                "The view has none of the samples that were logged, only others that its stages choose: samples get new "
                "ids when they are imported again"
            )

        return restored


def _discard(builder):
    if builder is not None:
        builder.discard()


def _ids(found):
    return found if isinstance(found, ids.Ids) else ids.Ids(found)


def _empty(dataset, logged, restored):
    name = logged.metadata.get("fiftyone_dataset_name")
    if name and name != dataset.name and logged.metadata.get("fiftyone_dataset_id") != query.dataset_id(dataset):
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
