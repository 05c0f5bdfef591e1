"""W&B's command line, and what its downloads hold."""

import os
import subprocess
import sys
from pathlib import Path


def shell(command):
    """Runs a line in a shell that finds ``wandb``, as a user would, and returns its output."""
    environment = {name: value for name, value in os.environ.items() if name != "WANDB_MODE"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    print(command, done.stdout, done.stderr)
    return done.stdout + done.stderr


def contents(directory):
    """The files of a downloaded artifact: bytes by path."""
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in Path(directory).rglob("*.*")}
