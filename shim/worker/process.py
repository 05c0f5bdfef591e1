"""The worker as a process: its start, its environment, its log lines and its end."""

from __future__ import annotations

import collections
import contextlib
import errno
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import build, lifeline, logs, ownership, plaintext
from .errors import WorkerStartError
from .find import Found, remedy
from .handshake import PROTOCOL

#: The environment variables that the worker inherits: those that its system needs.
#: W&B's variables and proxies travel in the request, so that the environment holds no secret.
PASSED = ("HOME", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR")

#: How long a worker may take to end by itself, in seconds. Together with the delay until a request to cancel
#: is noticed, this stays below two seconds; the worker gives its job 1.5 seconds.
GRACE = 1.8

#: How often a wait checks for requests to cancel, in seconds. This is also the delay of a Ctrl-C: some waits of
#: Python and all of gRPC's are not interrupted by it.
POLL = 0.1

_LINE = 1 << 16  # a longer line is read in pieces
_PANIC_LINES = 12  # of a Go trace the head tells what happened
_TAIL_LINES = 8


class Process:
    """One worker process. It ends when ``stop`` is called, and when this process ends."""

    def __init__(self, found: Found, client_certificate: bytes) -> None:
        """Starts the process.

        Args:
            found: the program, and the hash that it has to have
            client_certificate: PEM of the one certificate that the worker will let in

        Raises:
            WorkerStartError: if it is not what was found, somebody else could change it, or the system does not
                start it
        """
        program = _open(found)
        try:
            self._start(found.binary, program, client_certificate)
        finally:
            os.close(program)

    def _start(self, binary: Path, program: int, client_certificate: bytes) -> None:
        self.pid_of_host = os.getpid()
        self._directory = lifeline.PrivateDirectory()
        self._lifeline = lifeline.Lifeline()
        try:
            self._process = subprocess.Popen(
                [str(binary), "-log-level", logs.level_name()],
                **_as_opened(program),
                env=_environment(client_certificate, self._directory.path),
                stdin=self._lifeline.worker_end,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=os.name == "posix",  # a Ctrl-C in the terminal is for us, not for it
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except BaseException as error:
            self._lifeline.cut()
            self._directory.remove()
            if isinstance(error, OSError):
                raise WorkerStartError(_why_not(binary, error)) from error
            raise
        finally:
            self._lifeline.close_worker_end()
        self._first_line: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._tail: collections.deque[str] = collections.deque(maxlen=_TAIL_LINES)
        self._panic: list[str] = []
        self._errors_read = threading.Thread(target=self._read_errors, daemon=True, name="wandb-worker-stderr")
        self._errors_read.start()
        threading.Thread(target=self._read_output, daemon=True, name="wandb-worker-stdout").start()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def first_line(self, timeout: float, check: Callable[[], None]) -> str:
        """The first line that the worker prints.

        Raises:
            WorkerStartError: if it ends before, or says nothing for timeout seconds
        """
        until = time.monotonic() + timeout
        while True:
            check()
            with contextlib.suppress(queue.Empty):
                line = self._first_line.get(timeout=POLL)
                break
            if time.monotonic() > until:
                raise WorkerStartError(f"The worker did not answer within {timeout:g} s of its start.{self.evidence()}")
        if line is None:
            raise WorkerStartError(f"The worker ended at its start ({self.exit_reason()}).{self.evidence()}")
        return line

    def exit_reason(self) -> str:
        """How the process ended, in words. It may be a moment away from its end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        status = self._process.returncode
        if status is None:
            return "it is still running"
        if status >= 0:
            return f"exit status {status}"
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-status).name}"
        return f"killed by signal {-status}"

    def ended(self) -> bool:
        """Whether the process has ended, or does so within a second."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        return self._process.returncode is not None

    def evidence(self) -> str:
        """The lines of stderr that tell the most, each on a line of its own."""
        self._errors_read.join(0.2)
        return "".join(f"\n  worker: {line}" for line in self._panic or list(self._tail))

    def stop(self) -> bool:
        """Ends the process: asks it to, waits GRACE seconds, then kills it.

        Returns:
            whether it ended by itself, with everything cleaned up
        """
        if os.getpid() != self.pid_of_host:
            return False
        self._lifeline.cut()
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            pass
        finally:  # after an impatient Ctrl-C too
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            self._directory.remove()
        return self._process.returncode == 0

    def _read_output(self) -> None:
        """Passes on the first line, and drops what comes later, so that the worker does not block."""
        with self._process.stdout as stream:
            line = stream.readline(_LINE)
            self._first_line.put(line.decode("utf-8", "replace") if line else None)
            while stream.read1(_LINE):
                pass

    def _read_errors(self) -> None:
        """Passes on the log lines, and keeps those that tell why the worker ended."""
        with self._process.stderr as stream:
            for raw in iter(lambda: stream.readline(_LINE), b""):
                text = raw.decode("utf-8", "replace").rstrip()
                if self._panic or text.startswith(("panic: ", "fatal error: ", "runtime: ")):
                    if len(self._panic) < _PANIC_LINES:
                        self._panic.append(plaintext.clean(text))
                        logs.emit_raw(text)
                elif text:
                    self._tail.append(logs.emit(text))


def _open(found: Found) -> int:
    """The descriptor of a program after it was checked."""
    binary = found.binary
    try:
        program = ownership.open_regular(binary)
    except OSError as error:
        raise WorkerStartError(_why_not(binary, error)) from error
    try:
        ownership.check_open(binary, program)
        if found.sha256 and build.open_hash(program) != found.sha256:
            raise WorkerStartError(f"The worker {binary} was changed since it was found: try again.")
    except OSError as error:
        os.close(program)
        raise WorkerStartError(
            f"The worker {binary} is not run, since somebody else could have changed it: {error}. "
            "Copy it to a directory that only you can write to, or remove it."
        ) from None
    except BaseException:
        os.close(program)
        raise
    return program


def _as_opened(program: int) -> dict[str, Any]:
    """Options of Popen that run exactly the file that was checked, even if another has its name now.

    Only Linux runs an open file. Elsewhere its name is run, and only this user and root could exchange the file.
    """
    name = f"/proc/self/fd/{program}"
    if sys.platform == "linux" and os.path.exists(name):
        return {"executable": name, "pass_fds": (program,)}
    return {}


def _environment(client_certificate: bytes, directory: str) -> dict[str, str]:
    environment = {name: os.environ[name] for name in PASSED if name in os.environ}
    environment.update(
        FIFTYONE_WANDB_PLUGIN="d1f27a64-worker",
        FIFTYONE_WANDB_LIFELINE="stdin",
        PLUGIN_PROTOCOL_VERSIONS=str(PROTOCOL),
        PLUGIN_CLIENT_CERT=client_certificate.decode(),
        PLUGIN_UNIX_SOCKET_DIR=directory,
    )
    return environment


def _why_not(binary: Path, error: OSError) -> str:
    goos, goarch = build.target()
    if error.errno == errno.ENOEXEC or getattr(error, "winerror", None) in (193, 216):
        return (
            f"{binary} is not a program for this computer ({goos}, {goarch}): it is of another system or processor, "
            f"or damaged. {remedy(binary)}"
        )
    if isinstance(error, PermissionError):
        return f'The worker {binary} may not be executed. Run: chmod +x "{binary}"'
    return f"The worker {binary} could not be started: {error}"
