"""Views made of ids, what is said of samples that are gone, new or changed, and long lists of ids."""

import os
import subprocess
import sys
import time
from pathlib import Path

import bson
import fiftyone as fo
import fiftyone.core.odm as odm
import numpy as np
import pytest
import services
from fiftyone import ViewField as F

from shim import query
from shim.restoring import idlists, rebuild
from shim.restoring import ids as module_ids
from support import datasets
from support.waiting import SECONDS

pytestmark = [pytest.mark.oldest, pytest.mark.usefixtures("fiftyone")]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def images(media):
    dataset = datasets.images(media)
    yield dataset
    if not dataset.deleted:
        dataset.delete()


@pytest.fixture
def lists():
    """The names of the lists of ids in the database; there are none before and after a test."""

    def names():
        return [n for n in odm.get_db_conn().list_collection_names() if n.startswith("wandb.ids.")]

    assert names() == []
    yield names
    for name in names():
        odm.get_db_conn().drop_collection(name)

    idlists._store().clear()


@pytest.fixture
def short(monkeypatch):
    """Makes three ids as many as MongoDB takes."""
    for name in ("_MAX_IDS", "_MAX_ORDERED_IDS", "_MAX_IDS_IN_APP"):
        monkeypatch.setattr(idlists, name, 3)


def only_ids(logged):
    """What an artifact of the original plugin says: no stages, ids alone."""
    return rebuild.Logged({"fiftyone_dataset_name": "x"}, "", logged.ids, logged.created)


@pytest.mark.parametrize("kind", ["ascending", "reversed", "shuffled", "repeated"])
def test_by_ids_in_their_order(images, log, kind):
    view = {
        "ascending": lambda: images.match_tags("train"),
        "reversed": lambda: images.sort_by("number", reverse=True),
        "shuffled": lambda: images.shuffle(seed=5).limit(7),
        "repeated": lambda: images.limit(2).concat(images.limit(2)),
    }[kind]()

    again = rebuild.restore(images, only_ids(log(view)))

    expected = view.values("id")
    assert again.way == rebuild.IDS
    assert again.view.values("id") == (expected[:2] if kind == "repeated" else expected)


def test_the_stages_of_what_has_changed_since(images, log):
    logged = log(images.match_tags("train"))
    train = images.match_tags("train").values("id")
    time.sleep(0.01)
    images.delete_samples(train[0])
    gone = images[train[1]]
    gone.tags = ["other"]
    gone.save()
    changed = images[train[2]]
    changed["number"] = 1000
    changed.save()
    images.add_sample(fo.Sample(filepath="/new.png", tags=["train"]))

    again = rebuild.restore(images, logged)

    assert (again.way, again.rows) == (rebuild.STAGES, 3)
    assert (again.gone, again.deleted, again.new, again.changed) == (2, 1, 1, 1)

    again = rebuild.restore(images, logged, by_ids=True)
    assert (again.way, again.view.values("id")) == (rebuild.IDS, train[1:])
    assert (again.gone, again.deleted, again.new, again.changed) == (1, 1, 0, 2)


def test_changed_frames_are_changed_samples(media, log):
    videos = datasets.videos(media)
    logged = log(videos.to_frames(sample_frames=False))
    time.sleep(0.01)
    sample = videos.first()
    sample.frames[1]["quality"] = 0.0
    sample.save()

    again = rebuild.restore(videos, logged)

    assert (again.rows, again.gone, again.new, again.changed) == (24, 0, 0, 1)
    videos.delete()


def test_a_whole_dataset_that_has_grown(images, log):
    logged = log(images)
    images.add_sample(fo.Sample(filepath="/new.png"))

    again = rebuild.restore(images, logged)

    assert (again.way, again.rows, again.new) == (rebuild.DATASET, 13, 1)
    assert rebuild.restore(images, logged, by_ids=True).rows == 12


def test_sizes_tell_a_whole_dataset(images, log):
    ids = log(images).ids
    whole = rebuild.Logged({"fiftyone_view_size": 12, "fiftyone_dataset_size": 12}, "", ids)
    part = rebuild.Logged({"fiftyone_view_size": 12, "fiftyone_dataset_size": 13}, "", ids)

    assert rebuild.restore(images, whole).way == rebuild.DATASET
    assert rebuild.restore(images, part).way == rebuild.IDS


def test_stages_that_do_not_fit_any_more(images, log):
    logged = log(images.filter_labels("ground_truth", F("label") == "cat"))
    images.delete_sample_field("ground_truth")

    again = rebuild.restore(images, logged)

    assert again.way == rebuild.IDS
    assert again.view.values("id") == [i for i in images.values("id") if bson.ObjectId(i).binary in logged.ids]
    (note,) = again.notes
    assert "stage 1 (FilterLabels) does not fit the dataset" in note
    assert "ground_truth" in note


def test_stages_that_match_nothing_any_more(images, log):
    logged = log(images.match(F("score") > 1))
    images.clear_sample_field("score")

    again = rebuild.restore(images, logged)

    assert (again.way, again.gone) == (rebuild.IDS, 0)
    assert "they give no sample" in again.notes[0]


def test_patches_that_cannot_be_made_any_more(images, log):
    logged = log(images.sort_by("number", reverse=True).to_patches("ground_truth"))
    images.delete_sample_field("ground_truth")

    again = rebuild.restore(images, logged)

    assert again.way == rebuild.IDS
    assert again.view.values("number") == list(range(11, -1, -1))
    assert "patches, clips and frames as the samples that they come from" in again.notes[0]


def test_stages_without_ids(images):
    damaged = rebuild.Logged({}, query.serialization(images.to_patches("ground_truth")), b"")
    images.delete_sample_field("ground_truth")

    with pytest.raises(RuntimeError, match="has no list of sample ids"):
        rebuild.restore(images, damaged)


def test_an_artifact_that_says_nothing(images):
    with pytest.raises(RuntimeError, match="has no list of sample ids"):
        rebuild.restore(images, rebuild.Logged({}, "", b""), by_ids=True)


def test_a_copy_of_the_dataset(images, log, media):
    logged = log(images.match_tags("train"))
    copy = images.clone()

    again = rebuild.restore(copy, logged)

    assert (again.way, again.rows, again.gone, again.new) == (rebuild.STAGES, 4, 0, 0)
    assert query.root_dataset(again.view) == copy
    copy.delete()


def test_the_same_stages_in_another_dataset(images, log, media):
    other = datasets.images(media)

    again = rebuild.restore(other, log(images.match_tags("train")))

    assert (again.rows, again.gone, again.deleted, again.new) == (4, 4, 4, 4)
    assert any("none of the samples that were logged" in note for note in again.notes)
    other.delete()


@pytest.mark.parametrize("stages", [True, False])
def test_the_active_slice(media, log, stages):
    groups = datasets.groups(media)
    groups.group_slice = "right"
    view = groups.match(F("number") > 2) if stages else groups.view()
    logged = log(view)
    expected = view.values("id")
    groups.group_slice = "left"

    assert rebuild.restore(groups, logged).view.values("id") == expected
    assert rebuild.restore(groups, logged, by_ids=True).view.values("id") == expected
    # The original plugin did not say which slice it was.
    silent = rebuild.Logged({**logged.metadata, "group_slice": None}, logged.serialization, logged.ids)
    assert rebuild.restore(groups, silent).view.values("id") == expected
    groups.delete()


def test_ids_of_several_slices(media, log):
    groups = datasets.groups(media)
    view = groups.select_group_slices().sort_by("filepath", reverse=True)

    again = rebuild.restore(groups, log(view), by_ids=True)

    assert again.view.values("id") == view.values("id")
    groups.delete()


def test_labels(images, log):
    view = images.match_tags("train")
    wanted = view.match_labels(fields="predictions", filter=F("confidence") < 0.4)
    ids = wanted.filter_labels("predictions", F("confidence") < 0.4).values("predictions.detections.id", unwind=True)
    restored = rebuild.restore(images, log(view))

    rebuild.select_labels(restored, "predictions", b"".join(bson.ObjectId(i).binary for i in ids))

    assert restored.view.values("predictions.detections.id", unwind=True) == ids
    assert 0 < restored.rows < 5


def test_labels_of_single_label_fields(images, log):
    ids = images.limit(3).values("weather.id")
    restored = rebuild.restore(images, log(images))

    rebuild.select_labels(restored, "weather", b"".join(bson.ObjectId(i).binary for i in ids))

    assert restored.view.values("weather.id") == ids


@pytest.mark.parametrize(
    ("field", "words"), [("nope", "no such label field"), ("number", "no such label"), ("predictions", "none of the 1")]
)
def test_labels_that_are_gone(images, log, field, words):
    with pytest.raises(RuntimeError, match=words):
        rebuild.select_labels(rebuild.restore(images, log(images)), field, bson.ObjectId().binary)


@pytest.mark.parametrize("ordered", [True, False])
def test_more_ids_than_mongodb_takes(images, log, lists, short, ordered):
    view = images.sort_by("number", reverse=True).limit(7) if ordered else images.limit(7)

    again = rebuild.restore(images, only_ids(log(view)))

    assert again.view.values("id") == view.values("id")
    assert [s.to_dict() for s in again.view] == [s.to_dict() for s in view]
    assert len(lists()) == 1
    assert len(query.serialization(again.view)) < 1000


@pytest.mark.parametrize("field", ["predictions.detections", "weather"])
def test_more_labels_than_mongodb_takes(images, log, lists, short, field):
    ids = images.values(f"{field}.id", unwind=True)[::2][:6]
    restored = rebuild.restore(images, log(images))

    rebuild.select_labels(restored, field.split(".")[0], b"".join(bson.ObjectId(i).binary for i in ids))

    assert restored.view.values(f"{field}.id", unwind=True) == ids
    assert len(lists()) == 1


def test_a_list_goes_with_its_saved_view(images, log, lists, short):
    again = rebuild.restore(images, only_ids(log(images.limit(7))), in_app=True)
    images.save_view("mine", again.view)

    idlists.sweep(images, in_app=True)
    assert images.load_saved_view("mine").values("id") == images.limit(7).values("id")

    images.delete_saved_view("mine")
    idlists.sweep(images, in_app=True)
    assert lists() == []


def test_a_list_goes_with_its_dataset(images, log, lists, short):
    rebuild.restore(images, only_ids(log(images.limit(7))))
    idlists.sweep()
    assert len(lists()) == 1

    images.delete()
    idlists.sweep()
    assert lists() == []


def test_the_next_view_of_the_app_takes_the_place_of_the_one_before(images, log, lists, short, media):
    other = datasets.images(media)
    rebuild.restore(images, only_ids(log(images.limit(7))), in_app=True)
    in_script = rebuild.restore(images, only_ids(log(images.limit(6))))

    idlists.sweep(other, in_app=True)
    assert len(lists()) == 2
    idlists.sweep(images, in_app=True)
    assert len(lists()) == 1
    assert len(in_script.view) == 6
    other.delete()


@pytest.mark.any_version
def test_a_list_goes_with_its_process(images, log, lists, short):
    """At its end, or, if it was killed, with the next view that is loaded."""
    images.persistent = True
    logged = log(images.limit(7))
    code = f"""
import os, sys
import fiftyone as fo
sys.path.insert(0, {str(ROOT)!r})
from shim.restoring import idlists, rebuild
idlists._MAX_IDS = 3
logged = rebuild.Logged({{}}, "", bytes.fromhex({logged.ids.hex()!r}))
print(len(rebuild.restore(fo.load_dataset({images.name!r}), logged).view), flush=True)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", code, "ends"], capture_output=True, text=True, timeout=SECONDS)
    assert done.stdout == "7\n", done.stderr
    assert lists() == []

    done = subprocess.run([sys.executable, "-c", code, "killed"], capture_output=True, text=True, timeout=SECONDS)
    assert done.stdout == "7\n", done.stderr
    assert len(lists()) == 1
    idlists.sweep(images)
    assert lists() == []


def test_a_list_stays_for_a_job_that_waits(images, log, lists, short):
    """Its process may end before a background service takes the job."""
    view = rebuild.restore(images, only_ids(log(images.limit(7)))).view
    jobs = odm.get_db_conn()["delegated_ops"]
    job = {"run_state": "queued", "operator": "x", "context": {"request_params": {"view": view._serialize()}}}
    jobs.insert_one(job)

    (name,) = lists()
    idlists._remove_at_exit()
    assert lists() == [name]

    jobs.delete_one({"_id": job["_id"]})
    idlists._remove_at_exit()
    assert lists() == []


@pytest.mark.any_version
def test_leaving_does_not_wait_for_a_database_that_has_gone(tmp_path):
    """One attempt for all lists; FiftyOne's own clean-up is left out here."""
    code = f"""
import atexit, os, sys
import fiftyone as fo
fo.list_datasets()
atexit.register(os._exit, 0)
sys.path.insert(0, {str(ROOT)!r})
from shim.restoring import idlists
made = [idlists.Ids(raw) for raw in (bytes(12), b"x" * 12, b"y" * 12)]
dataset = fo.Dataset()
for ids in made:
    idlists._keep(dataset, ids, False)
print("made", flush=True)
sys.stdin.read()
"""
    with services.mongod(tmp_path / "db") as uri:
        patient = f"{uri}&serverSelectionTimeoutMS={SECONDS * 10_000}"
        environment = {**os.environ, "FIFTYONE_DATABASE_URI": patient}
        program = subprocess.Popen(
            [sys.executable, "-c", code], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert program.stdout.readline() == "made\n"

    try:
        program.communicate(timeout=SECONDS)
    finally:
        program.kill()
    assert program.returncode == 0


def test_a_view_that_used_a_list_is_loaded_by_its_ids(images, log, lists, short):
    """The list is gone with its session, but the artifact has ids."""
    first = rebuild.restore(images, only_ids(log(images.limit(7))))

    again = rebuild.restore(images, log(first.view))

    assert (again.way, again.view.values("id")) == (rebuild.IDS, images.limit(7).values("id"))
    assert "list of ids" in again.notes[0]


def test_arrays_of_ids():
    rng = np.random.default_rng(3)
    some = [bytes(rng.integers(0, 256, 12, dtype=np.uint8)) for _ in range(200)]
    ids = [some[i] for i in rng.integers(0, 200, 1000)]
    others = [some[i] for i in rng.integers(0, 100, 50)]
    array, known = module_ids.array(b"".join(ids)), module_ids.array(b"".join(others))

    assert module_ids.distinct(array).tobytes() == b"".join(dict.fromkeys(ids))
    assert module_ids.contained(array, known).tolist() == [i in set(others) for i in ids]
    assert module_ids.texts(array[:3]) == [i.hex() for i in ids[:3]]
    for empty in (module_ids.array(b""),):
        assert module_ids.distinct(empty).tobytes() == b""
        assert module_ids.contained(empty, known).tolist() == []
        assert not module_ids.contained(known, empty).any()
