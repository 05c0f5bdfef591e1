"""Programs that are not the worker, or that do not start: each has its own clear error."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shim.worker import Found, Worker, WorkerMismatch, WorkerStartError, find, handshake
from shim.worker.handshake import parse

Program = Callable[[str], Found]


def start_error(found: Found, **options: float) -> str:
    """The text of the error of a program that is not started."""
    with pytest.raises(WorkerStartError) as caught, Worker(found, **options):
        pass
    return str(caught.value)


def of_another_machine(machine: int) -> bytes:
    """The head of an ELF program for a processor, and room for the rest of it."""
    kind = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)
    return kind + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, 0x400078, 64, 0, 0, 64, 56, 1, 64, 0, 0) + bytes(4096)


@pytest.mark.parametrize(
    "content",
    [of_another_machine(0xF3), b"MZ\x90\0" + bytes(4096), b"\xcf\xfa\xed\xfe" + bytes(4096), b"some text"],
    ids=["an ELF for RISC-V", "a Windows program", "a macOS program", "a text"],
)
def test_programs_of_another_computer(tmp_path: Path, content: bytes) -> None:
    binary = tmp_path / "worker"
    binary.write_bytes(content)
    binary.chmod(0o755)
    text = start_error(Found(binary, "abc"))
    assert f"{binary} is not a program for this computer" in text
    assert "Remove it, and the plugin builds its own" in text


def test_a_program_that_may_not_be_executed(tmp_path: Path) -> None:
    binary = tmp_path / "worker"
    binary.write_bytes(b"\x7fELF")
    binary.chmod(0o644)
    assert f'Run: chmod +x "{binary}"' in start_error(Found(binary, "abc"))


def test_no_program(tmp_path: Path) -> None:
    assert str(tmp_path / "none") in start_error(Found(tmp_path / "none", "abc"))


def test_a_program_that_ends_at_once(program: Program) -> None:
    text = start_error(program("exec $WORKER -mode end"))
    assert "ended at its start (exit status 7)" in text
    assert "worker: the library libnothing.so is missing" in text


def test_a_silent_program(program: Program) -> None:
    text = start_error(program("echo thinking >&2; exec $WORKER -mode silent"), start_timeout=8)
    assert "did not answer within 8 s" in text
    assert "worker: thinking" in text


def test_a_program_that_is_no_worker(program: Program) -> None:
    assert "is not the worker of this plugin: it said 'hello'" in start_error(program("echo hello; sleep 60"))


def test_a_worker_of_another_protocol(program: Program) -> None:
    with pytest.raises(WorkerMismatch, match=r"speaks version 2 of the protocol, and this plugin version 1"):
        Worker(program('exec $WORKER -mode protocol "$@"'))


def test_a_worker_of_other_sources(misbehaving: Found) -> None:
    with pytest.raises(WorkerMismatch) as caught:
        Worker(Found(misbehaving.binary, "0123456789abcdef"))
    assert "was not built from the sources of this plugin" in str(caught.value)
    assert "the plugin builds its own" in str(caught.value), "what to do"


def test_a_named_worker_of_other_sources(misbehaving: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(find.VARIABLE, str(misbehaving.binary))
    with pytest.raises(WorkerMismatch, match="FIFTYONE_WANDB_WORKER names it: unset it"):
        Worker(Found(misbehaving.binary, "0123456789abcdef"))


def test_a_program_that_does_not_answer_calls(tmp_path: Path) -> None:
    certificate, _ = handshake.client_certificate()
    field = "".join(certificate.decode().splitlines()[1:-1]).rstrip("=")
    binary = tmp_path / "deaf"
    binary.write_text(
        f"#!{sys.executable}\n"
        "import os, socket, sys\n"
        "path = os.environ['PLUGIN_UNIX_SOCKET_DIR'] + '/s'\n"
        "server = socket.socket(socket.AF_UNIX)\nserver.bind(path)\nserver.listen()\n"
        f"print(f'1|1|unix|{{path}}|grpc|{field}', flush=True)\n"
        "sys.stdin.read()\n"
    )
    binary.chmod(0o755)
    # In which the program, on a machine with much else to do, has to get as far as its first line.
    assert "did not accept the connection (DEADLINE_EXCEEDED" in start_error(Found(binary, "abc"), start_timeout=15)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("", "is not the worker"),
        ("hello", "is not the worker"),
        ("1|1|unix|/tmp/x", "is not the worker"),
        ("2|1|unix|/tmp/x|grpc|QUJD", "is not the worker"),
        ("1|x|unix|/tmp/x|grpc|QUJD", "is not the worker"),
        ("1|7|unix|/tmp/x|grpc|QUJD", "version 7"),
        ("1|1|unix|/tmp/x|netrpc|QUJD", "offers 'netrpc'"),
        ("1|1|tcp|0.0.0.0:80|grpc|QUJD", "where others could reach it"),
        ("1|1|tcp|127.0.0.1.evil.example:80|grpc|QUJD", "where others could reach it"),
        ("1|1|vsock|3:4|grpc|QUJD", "where others could reach it"),
        ("1|1|unix|/tmp/x|grpc", "no certificate"),
        ("1|1|unix|/tmp/x|grpc|", "no certificate"),
        ("1|1|unix|/tmp/x|grpc|%%%", "cannot be read"),
    ],
)
def test_offers_that_are_not_taken(line: str, problem: str) -> None:
    with pytest.raises(WorkerStartError, match=problem):
        parse(line + "\n")


@pytest.mark.parametrize(
    ("line", "target"),
    [
        ("1|1|unix|/tmp/a b%#?/x|grpc|QUJDRA", "unix:/tmp/a%20b%25%23%3F/x"),
        ("1|1|tcp|127.0.0.1:4711|grpc|QUJDRA|true", "ipv4:127.0.0.1:4711"),
    ],
)
def test_offers_that_are_taken(line: str, target: str) -> None:
    offer = parse(line + "\r\n")
    assert offer.target == target
    assert offer.certificate == b"-----BEGIN CERTIFICATE-----\nQUJDRA==\n-----END CERTIFICATE-----\n"
