"""A process with a FiftyOne of its own, which something happens to, or to its MongoDB."""

import json
import os
import select
import subprocess
import sys
import threading

from support.waiting import SECONDS


class Host:
    """A process that does jobs.

    Args:
        *arguments: of the program ``chaos_host``: the name of its dataset, and, if it is to make that one, the media
        **environment: more variables for it
    """

    def __init__(self, *arguments, **environment):
        environment = {**os.environ, **environment, "PYTHONPATH": os.pathsep.join(["tests", "tools"])}
        command = [sys.executable, "-m", "tests.e2e.programs.chaos_host", *arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self.process.stdout.readline() == "ready\n"

    @classmethod
    def with_mongodb(cls, uri, media, spool):
        """One with a MongoDB of its own, in which it makes its dataset, and a directory for its workers' files."""
        database = {"FIFTYONE_DATABASE_URI": uri, "FIFTYONE_DATABASE_NAME": "chaos"}
        return cls("chaos-images", str(media), TMPDIR=str(spool), **database)

    def ask(self, kind, name):
        """Begins a job of the kind."""
        self.process.stdin.write(f"{kind} {name}\n")
        self.process.stdin.flush()

    def is_busy_for(self, seconds):
        """Waits for so long, and says whether the job is still at work then."""
        return not select.select([self.process.stdout], [], [], seconds)[0]

    def answer(self):
        """Waits for the job, and gives its result or its error."""
        timer = threading.Timer(4 * SECONDS, self.process.kill)
        timer.start()
        try:
            line = self.process.stdout.readline()
        finally:
            timer.cancel()
        assert line, "the host hangs or crashed"
        return json.loads(line)

    def close(self):
        """Kills the process with -9, if it is still there."""
        self.process.kill()
        self.process.wait()
