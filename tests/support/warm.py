"""Python programs in processes that have FiftyOne loaded already.

Each is a process of its own, forked from one that has imported some modules and done nothing else: importing FiftyOne
takes seconds of CPU. FiftyOne reads its own settings while it is imported, so a program has those that this process had
when it started its first one. The plugin's settings, which are read later, are the program's own.
"""

import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import select
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import types
from pathlib import Path

# How many bytes a request may have: a command and an environment.
_REQUEST = 1 << 17
_NUMBER = struct.Struct("i")

#: What FiftyOne's own commands import.
COMMANDS = ("fiftyone", "fiftyone.operators", "fiftyone.core.cli")
#: What scripts import.
SCRIPTS = ("fiftyone", "fiftyone.operators", "fiftyone.zoo", "wandb", "wandb.apis.public", "wandb.sdk.launch")


class Program:
    """A running program, with what the tests use of ``subprocess.Popen``.

    Args:
        command: what would follow ``python``: a file, ``-m`` and a module, or ``-c`` and code; then the arguments
        modules: what has been imported when it starts
        env: its environment, by default this process's
        cwd: its directory, by default this process's
        stdin: a file or ``subprocess.PIPE``; by default this process's, and so are the other two
        stdout: the same
        stderr: the same
    """

    def __init__(self, command, modules, env=None, cwd=None, stdin=None, stdout=None, stderr=None):
        self.args, self.returncode = [str(part) for part in command], None
        request = {"args": self.args, "env": dict(os.environ if env is None else env), "cwd": str(cwd or os.getcwd())}
        self._status, status = os.pipe()
        with contextlib.ExitStack() as theirs:
            theirs.callback(os.close, status)
            ends = [_stream(given, number, theirs) for number, given in enumerate((stdin, stdout, stderr))]
            (self.stdin, *_), (self.stdout, *_), (self.stderr, *_) = ends
            socket.send_fds(_zygote(modules), [json.dumps(request).encode()], [*(fd for _, fd in ends), status])

        self.pid = self._number()

    def _number(self):
        read = os.read(self._status, _NUMBER.size)
        assert read, "the process that programs are forked from has ended"
        return _NUMBER.unpack(read)[0]

    def poll(self):
        """The exit status, negative for a signal; None while the program runs."""
        return self._ended_within(0)

    def _ended_within(self, seconds):
        if self.returncode is None and select.select([self._status], [], [], seconds)[0]:
            self.returncode = self._number()
            os.close(self._status)

        return self.returncode

    def wait(self, timeout=None):
        """Waits for the program's end, and gives its exit status."""
        if self._ended_within(timeout) is None:
            raise subprocess.TimeoutExpired(self.args, timeout)

        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


def run(command, modules, timeout, **how):
    """Runs a program to its end, and gives a ``subprocess.CompletedProcess`` with its texts."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as error:
        program = Program(command, modules, stdout=out, stderr=error, **how)
        try:
            program.wait(timeout)
        finally:
            program.kill()

        out.seek(0)
        error.seek(0)
        return subprocess.CompletedProcess(program.args, program.returncode, out.read(), error.read())


def _stream(given, number, theirs):
    """This side's end of a stream, if it is a pipe, and the program's; ``theirs`` closes what only that one needs."""
    if given is None:
        return None, number

    if given != subprocess.PIPE:
        return None, given.fileno()

    reading, writing = os.pipe()
    mine, other = (writing, reading) if number == 0 else (reading, writing)
    theirs.callback(os.close, other)
    return os.fdopen(mine, "w" if number == 0 else "r"), other


@functools.cache
def _zygote(modules):
    """The way to a process that has imported the modules; it ends with this one."""
    mine, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with other:
        command = [sys.executable, __file__, str(other.fileno()), *modules]
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[other.fileno()])

    return mine


def _programs(requests):
    """Forks for each request. Returns in the forked processes only, with the request."""
    waiting, statuses = selectors.DefaultSelector(), {}
    waiting.register(requests, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is not requests:
                _, code = os.waitpid(key.data, 0)
                waiting.unregister(key.fileobj)
                os.close(key.fileobj)
                with contextlib.suppress(BrokenPipeError), os.fdopen(statuses.pop(key.data), "wb") as status:
                    status.write(_NUMBER.pack(os.waitstatus_to_exitcode(code)))
                continue

            request, fds, *_ = socket.recv_fds(requests, _REQUEST, 4)
            if not request:
                for directory in _directories():
                    directory.cleanup()
                os._exit(0)  # without FiftyOne's exit handlers, which are the programs'

            *streams, status = fds
            pid = os.fork()
            if pid == 0:
                others = [key.fd for key in waiting.get_map().values() if key.fileobj is not requests]
                for fd in (status, *statuses.values(), *others):
                    os.close(fd)

                waiting.close()
                for directory in _directories():
                    directory._finalizer.detach()  # the next programs need it, too
                for number, stream in enumerate(streams):
                    os.dup2(stream, number)
                    os.close(stream)

                return json.loads(request)

            os.write(status, _NUMBER.pack(pid))
            statuses[pid] = status
            waiting.register(os.pidfd_open(pid), selectors.EVENT_READ, pid)
            for stream in streams:
                os.close(stream)


def _directories():
    """The temporary directories that modules have made for themselves."""
    return [one for one in gc.get_objects() if isinstance(one, tempfile.TemporaryDirectory)]


def _run(args, env, cwd):
    """Does what ``python`` with these arguments does."""
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    kind = args.pop(0) if args[0] in ("-m", "-c") else ""
    sys.argv = list(args)
    first = "" if kind else str(Path(args[0]).resolve().parent)
    # Without the directory of this file, which only this program needs.
    sys.path[:1] = [first, *filter(None, env.get("PYTHONPATH", "").split(os.pathsep))]
    if kind == "-m":
        runpy.run_module(args[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.argv[0] = "-c"
        sys.modules["__main__"] = main = types.ModuleType("__main__")
        exec(compile(args[0], "<string>", "exec"), vars(main))
    else:
        runpy.run_path(args[0], run_name="__main__")


def _main(number, *modules):
    for name in modules:
        importlib.import_module(name)

    # Connections do not survive a fork; programs make their own.
    sys.modules["fiftyone.core.odm.database"]._disconnect()
    with socket.socket(fileno=int(number)) as requests:
        request = _programs(requests)

    _run(**request)


if __name__ == "__main__":
    _main(*sys.argv[1:])
