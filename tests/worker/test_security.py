"""Nobody else can talk to the worker, and no secret is where others can read it."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

import grpc
import pytest

from shim.worker import Found, Worker, WorkerStartError, handshake, run_job
from shim.worker import messages as pb
from support.waiting import SECONDS
from tests.worker.helpers import as_nobody, request

CANARY = "canary-0123456789"
Credentials = tuple[Worker, bytes, bytes, bytes]


@pytest.fixture
def worker_at_work(misbehaving: Found) -> Iterator[Worker]:
    """A worker with a job that does not end."""
    settings = pb.WandbSettings(api_key=CANARY, environment={"WANDB_API_KEY": CANARY})
    view = pb.View(uri=f"mongodb://user:{CANARY}@localhost/")
    with Worker(misbehaving) as worker:
        events = worker.run(request("hang", wandb=settings, log_view=pb.LogView(view=view)))
        next(events)
        yield worker


def health(worker: Worker, credentials: grpc.ChannelCredentials | None) -> grpc.StatusCode:
    """The status of a call that somebody else makes."""
    options = [("grpc.ssl_target_name_override", "localhost"), ("grpc.use_local_subchannel_pool", 1)]
    if credentials is None:
        channel = grpc.insecure_channel(worker.target, options)
    else:
        channel = grpc.secure_channel(worker.target, credentials, options)
    with channel:
        try:
            channel.unary_unary("/grpc.health.v1.Health/Check")(b"\n\x06plugin", timeout=SECONDS)
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


@pytest.fixture
def own_credentials(
    misbehaving: Found, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Worker, bytes, bytes, bytes]]:
    """A worker, its certificate, and the certificate and key of its host."""
    made: list[bytes] = []
    make, read = handshake.client_certificate, handshake.parse

    def client_certificate() -> tuple[bytes, bytes]:
        made.extend(make())
        return made[0], made[1]

    def parse(line: str) -> handshake.Handshake:
        answer = read(line)
        made.append(answer.certificate)
        return answer

    monkeypatch.setattr(handshake, "client_certificate", client_certificate)
    monkeypatch.setattr(handshake, "parse", parse)
    with Worker(misbehaving) as worker:
        monkeypatch.undo()
        yield worker, made[2], made[0], made[1]


def test_only_the_host_gets_an_answer(own_credentials: Credentials) -> None:
    worker, server, certificate, key = own_credentials
    foreign, foreign_key = handshake.client_certificate()
    ssl = grpc.ssl_channel_credentials
    assert health(worker, ssl(server, key, certificate)) is grpc.StatusCode.OK, "the host itself"
    assert health(worker, None) is grpc.StatusCode.UNAVAILABLE, "no TLS"
    assert health(worker, ssl(server)) is grpc.StatusCode.UNAVAILABLE, "no certificate"
    assert health(worker, ssl(server, foreign_key, foreign)) is grpc.StatusCode.UNAVAILABLE, "a certificate of others"
    assert health(worker, ssl(foreign, key, certificate)) is grpc.StatusCode.UNAVAILABLE, "another worker is expected"


def test_the_host_refuses_a_worker_with_another_certificate(
    misbehaving: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = handshake.parse
    foreign, _ = handshake.client_certificate()
    monkeypatch.setattr(handshake, "parse", lambda line: handshake.Handshake(read(line).target, foreign))
    with pytest.raises(WorkerStartError, match="did not accept the connection"):
        Worker(misbehaving)


def test_other_users_cannot_reach_the_socket(worker_at_work: Worker) -> None:
    socket = Path(unquote(worker_at_work.target.removeprefix("unix:")))
    mode = socket.parent.stat()
    assert stat.S_IMODE(mode.st_mode) == 0o700
    assert mode.st_uid == os.getuid()
    text = "try:\n    socket.socket(socket.AF_UNIX).connect(sys.argv[1])\n    print('connected')\nexcept OSError as e:\n    print(e)"
    said = as_nobody("import socket, sys", text, str(socket))
    if os.getuid() == 0:  # only root can become another user
        assert said == "[Errno 13] Permission denied\n"
    else:
        assert said == "connected\n"


def test_secrets_are_nowhere_others_can_read(worker_at_work: Worker) -> None:
    command = ["ps", "eww", "-o", "args=", "-p", str(worker_at_work.pid)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "-log-level" in shown, "the arguments are shown"
    assert "PLUGIN_UNIX_SOCKET_DIR" in shown, "the environment is shown"
    assert CANARY not in shown


def test_the_environment_is_an_allow_list(
    program: Callable[[str], Found], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("WANDB_API_KEY", "FIFTYONE_DATABASE_URI", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY", "LD_PRELOAD_X"):
        monkeypatch.setenv(name, CANARY)
    monkeypatch.setenv("LANG", "C.UTF-8")
    seen = tmp_path / "seen"
    shown = program(f'env -0 > {seen}; exec $WORKER "$@"')
    run_job(request("echo", log_view=pb.LogView()), found=shown)
    lines = seen.read_text().split("\0")
    assert {line.partition("=")[0] for line in lines if line} <= {
        "HOME", "TMPDIR", "TEMP", "TMP", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "FIFTYONE_WANDB_PLUGIN",
        "FIFTYONE_WANDB_LIFELINE", "PLUGIN_PROTOCOL_VERSIONS", "PLUGIN_CLIENT_CERT", "PLUGIN_UNIX_SOCKET_DIR",
        "PWD", "OLDPWD", "SHLVL", "_",  # the shell's own
    }  # fmt: skip
    assert "LANG=C.UTF-8" in lines
    assert CANARY not in seen.read_text()
    assert "PRIVATE KEY" not in seen.read_text()


def test_secrets_are_not_logged(misbehaving: Found, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for job in ("fault", "error", "panic"):
            with pytest.raises(Exception, match="redacted"):
                run_job(request(job, wandb=pb.WandbSettings(api_key=CANARY)), found=misbehaving)
    assert "the job failed" in caplog.text
    assert CANARY not in caplog.text
