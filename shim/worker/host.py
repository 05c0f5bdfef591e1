"""The host of a worker: starts it, talks to it and ends it. One worker per call."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import find, handshake, messages
from .errors import (
    JobCancelled,
    JobFailed,
    WorkerCrashed,
    WorkerError,
    WorkerMismatch,
    WorkerStartError,
    require,
)
from .process import POLL, Process

if TYPE_CHECKING:
    from typing_extensions import Self

#: A request to cancel: an event, or a function that is called about ten times a second.
Cancel = threading.Event | Callable[[], bool]

#: The time limit from the worker's start to its first line, and again to its first answer, in seconds.
START_TIMEOUT = 20.0

#: The header with the source hash that every answer carries; goworker/internal/host has the same name.
SOURCE_HEADER = "wandb-worker-source"

# The most events that are queued for the reader. Lists of ids come in pieces of about a megabyte.
_WAITING_EVENTS = 8

# grpc.health.v1 for the service "plugin": HealthCheckRequest, and a HealthCheckResponse that says "serving".
_HEALTH = "/grpc.health.v1.Health/Check"
_HEALTH_REQUEST = b"\n\x06plugin"
_HEALTH_SERVING = b"\x08\x01"


class Worker:
    """A worker that is running, and the private channel to it.

    Use it as a context manager. It belongs to the process that made it, not to its forks.
    """

    def __init__(
        self,
        found: find.Found | None = None,
        *,
        cancelled: Cancel | None = None,
        say: Callable[[str], None] | None = None,
        start_timeout: float = START_TIMEOUT,
    ) -> None:
        """Starts a worker; builds it before if there is none.

        Args:
            found: the binary; by default it is searched for
            cancelled: a request to give up
            say: is told when a build begins; by default, a warning is logged
            start_timeout: in seconds

        Raises:
            WorkerError: if there is no worker that can be used
            MissingRequirement: if a Python package is not installed
            JobCancelled: if that was asked for
        """
        # Set before grpc is imported, so that it does not print a warning at every fork of a user's program.
        os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
        self._grpc = require("grpc", "grpcio")
        messages.load()
        check = _checker(cancelled)
        certificate, key = handshake.client_certificate()
        check()
        found = found or find.find_worker(say=say, check=check)
        self._channel: Any = None
        self._process = Process(found, certificate)
        try:
            answer = handshake.parse(self._process.first_line(start_timeout, check))
            self.target = answer.target
            self._channel = self._connect(answer, certificate, key)
            self._verify(found, start_timeout, check)
        except WorkerMismatch as error:
            self.close()
            raise WorkerMismatch(f"{error} {find.remedy(found.binary)}") from None
        except BaseException:
            self.close()
            raise
        # go-plugin pipes the worker's output, and the worker would block once the pipe is full.
        self._stdio = self._channel.unary_stream("/plugin.GRPCStdio/StreamStdio")(b"")
        threading.Thread(target=_drain, args=(self._stdio,), daemon=True, name="wandb-worker-stdio").start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The id of the worker's process."""
        return self._process.pid

    def run(self, request: Any, cancelled: Cancel | None = None) -> Iterator[Any]:
        """Does one job.

        Args:
            request: a messages.RunRequest
            cancelled: a request to cancel

        Yields:
            messages.RunResponse: the events, as they come; the last one is a result or a failure

        Raises:
            JobCancelled: if that was asked for; the worker has ended then
            WorkerCrashed: if the worker ended before the job did
        """
        if os.getpid() != self._process.pid_of_host:
            raise WorkerError("This worker belongs to the process that this one was forked from: start another one.")
        check = _checker(cancelled)
        call = self._channel.unary_stream(
            messages.RUN, messages.RunRequest.SerializeToString, messages.RunResponse.FromString
        )(request)
        events = _Events()
        threading.Thread(target=events.pump, args=(call,), daemon=True, name="wandb-worker-run").start()
        try:
            while True:
                check()
                with contextlib.suppress(queue.Empty):
                    event = events.waiting.get(timeout=POLL)
                    if event is None:
                        return
                    if isinstance(event, self._grpc.RpcError):
                        raise self._failed_call(event)
                    if isinstance(event, BaseException):
                        raise event
                    yield event
        except JobCancelled:
            call.cancel()
            raise JobCancelled(cleaned_up=self.close()) from None
        finally:
            call.cancel()
            events.stop()

    def close(self) -> bool:
        """Ends the worker, within about two seconds.

        Returns:
            whether it ended by itself, with everything cleaned up
        """
        try:
            return self._process.stop()
        finally:
            if self._channel is not None and os.getpid() == self._process.pid_of_host:
                self._channel.close()

    def _connect(self, answer: handshake.Handshake, certificate: bytes, key: bytes) -> Any:
        credentials = self._grpc.ssl_channel_credentials(answer.certificate, key, certificate)
        options = [
            ("grpc.ssl_target_name_override", "localhost"),
            ("grpc.default_authority", "localhost"),
            ("grpc.enable_http_proxy", 0),  # else a proxy of the environment gets loopback connections too
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", -1),
        ]
        return self._grpc.secure_channel(answer.target, credentials, options)

    def _verify(self, found: find.Found, timeout: float, check: Callable[[], None]) -> None:
        """Makes sure that the worker serves and is the build of our sources, before it gets any secret."""
        call = self._channel.unary_unary(_HEALTH).future(_HEALTH_REQUEST, timeout=timeout)
        try:
            while True:
                check()
                with contextlib.suppress(self._grpc.FutureTimeoutError):
                    answer = call.result(timeout=POLL)
                    break
        except self._grpc.RpcError as error:
            raise WorkerStartError(
                f"The worker did not accept the connection ({error.code().name}: {error.details()}).{self._process.evidence()}"
            ) from None
        finally:
            call.cancel()
        source = dict(call.initial_metadata()).get(SOURCE_HEADER, "")
        if source != found.source:
            raise WorkerMismatch(
                f"The worker {found.binary} was not built from the sources of this plugin "
                f"(it says {source[:12] or 'nothing'}, they are {found.source[:12]})."
            )
        if answer != _HEALTH_SERVING:
            raise WorkerStartError("The worker does not serve.")

    def _failed_call(self, error: Any) -> WorkerError:
        if error.code() is self._grpc.StatusCode.UNAVAILABLE and self._process.ended():
            return WorkerCrashed(
                f"The worker ended in the middle of the job ({self._process.exit_reason()}).{self._process.evidence()}"
            )
        return WorkerError(f"The call of the worker failed ({error.code().name}: {error.details()}).")


def run_job(
    request: Any,
    *,
    on_progress: Callable[[Any], None] | None = None,
    on_run_created: Callable[[Any], None] | None = None,
    on_ids: Callable[[Any], None] | None = None,
    cancelled: Cancel | None = None,
    say: Callable[[str], None] | None = None,
    found: find.Found | None = None,
) -> Any:
    """Does one job in a worker of its own. All functions are called in the thread of the caller.

    Args:
        request: a messages.RunRequest
        on_progress: gets each messages.Progress, at most about ten a second
        on_run_created: gets the messages.RunCreated
        on_ids: gets each messages.IdChunk
        cancelled: a request to cancel
        say: is told when the worker has to be built before
        found: the binary; by default it is searched for

    Returns:
        the result, the message that ends the job, such as a messages.ArtifactLogged

    Raises:
        JobFailed: if the job cannot be done
        JobCancelled: if that was asked for
        WorkerError: if something is wrong with the worker
    """
    result = None
    with Worker(found, cancelled=cancelled, say=say) as worker:
        for event in worker.run(request, cancelled):
            kind = event.WhichOneof("event")
            content = getattr(event, kind) if kind else None
            if kind == "progress":
                if on_progress:
                    on_progress(content)
            elif kind == "run_created":
                if on_run_created:
                    on_run_created(content)
            elif kind == "id_chunk":
                if on_ids:
                    on_ids(content)
            elif kind == "failure":
                raise JobFailed(messages.source_name(content.source), content.code, content.message)
            else:
                result = content
    if result is None:
        raise WorkerError("The worker ended the job without a result.")
    return result


def _checker(cancelled: Cancel | None) -> Callable[[], None]:
    """A function that raises JobCancelled once that is asked for."""
    if cancelled is None:
        return lambda: None
    asked = cancelled.is_set if isinstance(cancelled, threading.Event) else cancelled

    def check() -> None:
        if asked():
            raise JobCancelled(cleaned_up=True)

    return check


class _Events:
    """The events of a call that wait to be read: few, so that a slow reader holds the worker back."""

    def __init__(self) -> None:
        self.waiting: queue.Queue[Any] = queue.Queue(_WAITING_EVENTS)
        self._stopped = False

    def pump(self, call: Any) -> None:
        """Reads a call in a thread of its own: its events, then its error, or None at its end."""
        try:
            for event in call:
                self._put(event)
            self._put(None)
        except BaseException as error:  # noqa: BLE001 - it is raised where the queue is read
            self._put(error)

    def stop(self) -> None:
        """Lets the thread end, once nobody reads on."""
        self._stopped = True
        # The thread may be waiting to put an event, or may not have seen the flag yet and put one more.
        with contextlib.suppress(queue.Empty):
            while True:
                self.waiting.get_nowait()

    def _put(self, event: Any) -> None:
        if not self._stopped:
            self.waiting.put(event)


def _drain(stream: Any) -> None:
    with contextlib.suppress(Exception):
        for _ in stream:
            pass
