"""A worker that does nothing, for tests of everything around it."""

import importlib
import sys
import time

from support.waiting import SECONDS


class FakeWorker:
    """Stands in for ``run_job`` of the plugin that FiftyOne has loaded.

    Args:
        package: the full name of the plugin's package ``shim``
    """

    def __init__(self, package):
        self.worker = importlib.import_module(package + ".worker")
        self.errors = importlib.import_module(package + ".worker.errors")
        self.messages = importlib.import_module(package + ".worker.messages")
        self.requests = []
        self.finished = []
        self.lookups = []
        self.look_up = self.something
        self.building = None
        self.dataset, self.dataset_id = "here", ""
        self.stopped_after = None
        self.behave = self.succeed

    def run_job(self, request, *, on_progress=None, on_run_created=None, on_ids=None, cancelled=None, say=None):
        """What the plugin calls."""
        if request.WhichOneof("job") == "finish_run":
            self.finished.append(request.finish_run)
            return self.messages.RunFinished()

        if request.WhichOneof("job") == "lookup":
            self.lookups.append(request)
            return self.look_up(request)

        self.requests.append(request)
        if self.building:
            say(self.building)

        return self.behave(request, on_progress, on_run_created, cancelled)

    def succeed(self, request, on_progress, on_run_created, cancelled):
        """Reports some progress and a result."""
        for k in range(1, 4):
            on_progress(self.messages.Progress(stage=k, fraction=k / 4, label=f"Step {k} of 3"))

        return self.result(request)

    def something(self, request):
        """What a server with one project, two runs, two artifacts and a report would tell."""
        m = self.messages
        place = {"entity": request.wandb.entity or "me", "project": request.wandb.project}
        return m.LookupResult(
            **place,
            base_url="http://wandb.test",
            username="me",
            entities=["me", "team"],
            projects=[m.ProjectEntry(name="p", url="http://wandb.test/me/p")],
            runs=[
                m.RunEntry(
                    id="abc",
                    display_name="best one",
                    state="finished",
                    created_at="2026-01-02T03:04:05Z",
                    metrics_json='{"acc": 0.91234, "loss": 0.1}',
                    url="http://wandb.test/me/p/runs/abc",
                    **place,
                ),
                m.RunEntry(id="xyz", display_name="xyz", state="running", created_at="2026-01-01T00:00:00Z", **place),
            ],
            artifacts=[
                m.ArtifactEntry(
                    id="1",
                    name="other",
                    type="dataset",
                    version="v0",
                    created_at="2026-01-03",
                    dataset_name="elsewhere",
                ),
                m.ArtifactEntry(
                    id="2",
                    name="train",
                    type="dataset",
                    version="v3",
                    aliases=["latest", "good"],
                    created_at="2026-01-02",
                    samples=1200,
                    dataset_name=self.dataset,
                    dataset_id=self.dataset_id,
                ),
            ],
            reports=[
                m.ReportEntry(id="r1", title="How it went", url="http://wandb.test/me/p/reports/r1", username="me")
            ],
        )

    def result(self, request, **changes):
        """A result as the worker would give it for a request."""
        job = getattr(request, request.WhichOneof("job"))
        values = {
            "entity": "me",
            "project": request.wandb.project or "uncategorized",
            "run_id": job.run_id or "made1234",
            "run_relation": "RUN_RELATION_OURS",
            "artifact_name": job.artifact_name or "made_up",
            "artifact_version": "v0",
            "new_version": True,
            "wandb_url": "http://wandb.test/me/p/runs/r",
            "artifact_url": "http://wandb.test/me/p/artifacts/dataset/a/v0",
            "samples": 12,
            "total_predictions": 24,
            "num_classes": 3,
            "num_low_confidence": 5,
            "bytes_uploaded": 1234,
            "files_uploaded": 5,
            "files_unchanged": 1,
        }
        return self.messages.ArtifactLogged(**{**values, **changes})

    def answer(self, **changes):
        """Makes the worker succeed with a changed result."""
        self.behave = lambda request, *_: self.result(request, **changes)

    def fail(self, source, code, message):
        """Makes the worker fail."""

        def behave(*_):
            raise self.errors.JobFailed(source, code, message)

        self.behave = behave

    def crash(self, create_run=True):
        """Makes the worker die, by default after it has made a run."""

        def behave(request, on_progress, on_run_created, cancelled):
            if create_run:
                on_run_created(self.messages.RunCreated(entity="me", project="p", run_id="orphan"))

            raise self.errors.WorkerCrashed("The worker ended in the middle of the job (killed).")

        self.behave = behave

    def work_until_cancelled(self, seconds=SECONDS, create_run=False, cleaned_up=True):
        """Makes the worker report progress until it is told to stop."""

        def behave(request, on_progress, on_run_created, cancelled):
            if create_run:
                on_run_created(self.messages.RunCreated(entity="me", project="p", run_id="orphan"))

            begin = time.monotonic()
            while time.monotonic() - begin < seconds:
                on_progress(self.messages.Progress(stage=2, fraction=0.5, label="Reading samples"))
                if cancelled():
                    self.stopped_after = time.monotonic() - begin
                    raise self.errors.JobCancelled(cleaned_up=cleaned_up)

                time.sleep(0.02)

            raise AssertionError("nobody cancelled the job")

        self.behave = behave


def package_of(operator):
    """The full name of the package ``shim`` that an operator comes from."""
    return type(operator).__module__.rsplit(".operators", 1)[0]


def module(operator, name):
    """A module of the plugin that FiftyOne has loaded, such as ``jobs``."""
    full = f"{package_of(operator)}.{name}"
    return sys.modules.get(full) or importlib.import_module(full)
