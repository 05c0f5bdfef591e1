"""What the measurements have in common: their servers, where these keep their data, FiftyOne's settings, and the workers' memory."""

from __future__ import annotations

import atexit
import contextlib
import os
import pathlib
import shutil
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import services  # noqa: E402

HOME = ROOT / ".bench"
PROJECT = "bench"


def start_servers(name: str, keep: bool = True) -> services.Standin:
    """Starts MongoDB, and the stand-in with its state in a directory of that name, and has FiftyOne and wandb use them.

    They end at Python's exit, after what FiftyOne does there: it would wait half a minute for a database that has gone.
    """
    stack = contextlib.ExitStack()
    atexit.register(stack.close)  # before FiftyOne's own handler is registered, so it runs after that one
    if not keep:
        stack.callback(shutil.rmtree, HOME / name, ignore_errors=True)
    uri = stack.enter_context(services.mongod(HOME / "mongo"))
    server = stack.enter_context(services.standin(HOME / name))
    configure(uri, server)
    return server


def configure(uri: str, server: services.Standin) -> None:
    plugins = HOME / "plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    if not (plugins / "wandb").exists():
        (plugins / "wandb").symlink_to(ROOT, target_is_directory=True)
    os.environ.update(
        FIFTYONE_DATABASE_URI=uri,
        FIFTYONE_DATABASE_DIR=str(HOME / "mongo"),
        FIFTYONE_PLUGINS_DIR=str(plugins),
        FIFTYONE_DO_NOT_TRACK="true",
        FIFTYONE_SHOW_PROGRESS_BARS="false",
        FIFTYONE_WANDB_URL=server.url,
        FIFTYONE_WANDB_API_KEY=server.key,
        WANDB_BASE_URL=server.url,
        WANDB_API_KEY=server.key,
        WANDB_ENTITY=server.entity,
        WANDB_DIR=str(HOME),
        WANDB_SILENT="true",
        WANDB_ERROR_REPORTING="false",
        WANDB_DISABLE_GIT="true",
        WANDB_DISABLE_CODE="true",
    )


class PeakMemory:
    """The peak memory of worker processes below this one, in bytes; read every 20 ms."""

    def __enter__(self):
        self.bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _watch(self):
        import psutil

        me = psutil.Process()
        while not self._stop.wait(0.02):
            for child in me.children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    # The worker runs from an open file, so that its name says nothing.
                    if "wandb-worker" in " ".join(child.cmdline()[:1]):
                        self.bytes = max(self.bytes, child.memory_info().rss)
