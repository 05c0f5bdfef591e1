"""The commonest mistakes of newcomers: each gives one sentence that says what to do, in Python and in notebooks."""

import contextlib
import traceback

import fiftyone as fo
import pytest
import services

from support import datasets
from support.fake_worker import module

PROJECT = "mistakes"


@pytest.fixture(scope="module")
def videos(media, fiftyone):
    dataset = datasets.videos(media)
    yield dataset
    dataset.delete()


class Newcomer:
    """Somebody who has the plugin's operators, a dataset of pictures and one of videos, and a login to W&B."""

    def __init__(self, operator, login, images, videos, monkeypatch, tmp_path):
        self.server, self.images, self.videos = login, images, videos
        self.environment, self.directory = monkeypatch, tmp_path
        self.log_view = operator("log_fiftyone_view_to_wandb")
        self.log_predictions = operator("log_model_predictions")
        self.log_evaluation = operator("log_evaluation_to_wandb")
        self.load_view = operator("load_view_from_wandb")

    def no_key(self):
        for name in ("FIFTYONE_WANDB_API_KEY", "WANDB_API_KEY"):
            self.environment.delenv(name, raising=False)

        self.environment.setenv("HOME", str(self.directory))
        self.log_view(self.images, project=PROJECT)

    def wrong_project(self):
        self.load_view(self.images, project="no-such-project", artifact="train")

    def no_labels(self):
        with _dataset_of(self.images.first().filepath) as bare:
            self.log_predictions(bare, model_name="m", predictions_field="predictions", project=PROJECT)

    def empty_view(self):
        self.log_view(self.images.match_tags("no such tag"), project=PROJECT)

    def no_database(self):
        nowhere = f"mongodb://127.0.0.1:{services.free_port()}/?serverSelectionTimeoutMS=300"
        self.environment.setattr(fo.config, "database_uri", nowhere)
        self.log_view(self.images, project=PROJECT)

    def no_worker(self):
        # Nothing of this plugin's own build, and no Go anywhere.
        find = module(self.log_view, "worker.find")
        self.environment.setattr(find.build, "binary_name", lambda: "not-built")
        self.environment.setattr(find, "cache_dir", lambda source: None)
        self.environment.setattr(find.build, "find_go", lambda: None)
        self.log_view(self.images, project=PROJECT)

    def no_permission(self):
        self.server.fault(kind="graphql", mode="graphql_error", status=403, message="permission denied", count=-1)
        self.log_view(self.images, project=PROJECT)

    def no_network(self):
        self.environment.setenv("FIFTYONE_WANDB_URL", f"http://127.0.0.1:{services.free_port()}")
        self.log_view(self.images, project=PROJECT)

    def name_taken(self):
        self.log_view(self.images.limit(2), project=PROJECT, artifact_name="taken")
        self.log_predictions(
            self.images, model_name="m", predictions_field="predictions", project=PROJECT, artifact_name="taken"
        )

    def field_of_frames(self):
        self.log_predictions(self.videos, model_name="m", predictions_field="frames.objects", project=PROJECT)

    def drawn_for_each_worker(self):
        self.environment.setenv("FIFTYONE_WANDB_TEST_PARTS", "1,1")
        dataset = self.images.clone()
        try:
            dataset.evaluate_detections("predictions", gt_field="ground_truth", eval_key="ev")
            some = dataset.mongo([{"$sample": {"size": 5}}])
            self.log_evaluation(some, "ev", PROJECT, workers=2, delegate=True)
        finally:
            dataset.delete()


@contextlib.contextmanager
def _dataset_of(path):
    dataset = fo.Dataset()
    dataset.add_sample(fo.Sample(filepath=path))
    try:
        yield dataset
    finally:
        dataset.delete()


#: What each mistake's sentence has to say: what is wrong, and what to do about it.
SENTENCES = {
    "no_key": ("no_key", "wandb login"),
    "wrong_project": ("unknown_project", "no-such-project"),
    "no_labels": ("missing_field", "Add some first"),
    "empty_view": ("empty_view", "no samples"),
    "no_database": ("no_database", "start MongoDB"),
    "no_worker": ("worker", "pip install"),
    "no_permission": ("no_permission", "owner"),
    "no_network": ("unreachable", "network"),
    "name_taken": ("type_taken", "artifact_name"),
    "field_of_frames": ("frame_field", "to_frames"),
    "drawn_for_each_worker": ("bad_view", "take(n, seed=1)"),
}


@pytest.mark.parametrize("mistake", SENTENCES)
def test_a_mistake_gives_one_sentence(mistake, operator, login, images, videos, monkeypatch, tmp_path, caplog):
    code, words = SENTENCES[mistake]
    somebody = Newcomer(operator, login, images, videos, monkeypatch, tmp_path)
    with pytest.raises(RuntimeError) as caught:
        getattr(somebody, mistake)()

    login.heal()
    error = caught.value
    print(f"\n{mistake} [{error.code}]: {error}")
    assert error.code == code
    assert words in str(error)
    assert "\n" not in str(error)
    assert len(str(error)) < 400
    assert login.key not in str(error)
    # A notebook shows warnings above the error.
    assert [one.getMessage() for one in caplog.records if one.name.startswith("fiftyone_wandb")] == []
    # What a notebook shows in place of a traceback, and what a script prints last.
    assert error._render_traceback_() == [f"WandBError: {error}"]
    assert traceback.format_exception_only(error)[-1].strip().endswith(str(error))
    # Nobody needs the errors behind it to understand it.
    assert error.__suppress_context__ or error.__context__ is None
