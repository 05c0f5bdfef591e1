"""W&B's own schema as judge of what the worker sends and of what the stand-in serves, where that schema is at hand."""

import re
import subprocess
import sys

import pytest
import services

from support.waiting import SECONDS

FACTS = services.ROOT.parent / "shared" / "facts" / "wandb-schema"
SCHEMA = services.ROOT / "goworker" / "internal" / "standin" / "schema.graphql"

pytestmark = pytest.mark.skipif(not FACTS.is_dir(), reason="W&B's own schema is not at hand: ../shared is not there")


def _check(script, *arguments):
    command = [sys.executable, str(FACTS / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)


def test_documents():
    done = _check("check_documents.py", services.ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schema_of_the_standin_only_adds():
    done = _check("schema_diff.py", SCHEMA)
    assert done.returncode == 0, done.stderr

    proven = set()
    for names in re.findall(r"^# \+ [^:]+: (.+)$", SCHEMA.read_text(), re.MULTILINE):
        proven.update(names.split())

    lines = done.stdout.splitlines()
    assert lines, "the comparison printed nothing, not even the additions that there are"
    for line in lines:
        addition = re.fullmatch(r"(?:FIELD|TYPE) not in real: ([\w.]+)(?:: .+)?", line)
        argument = re.fullmatch(r"ARG not in real: ([\w.]+)\((\w+): .+\)", line)
        values = re.fullmatch(r"ENUM (\w+) (\[.+\]) real (\[.+\])", line)
        if addition:
            names = {addition[1]}
        elif argument:
            names = {f"{argument[1]}({argument[2]})"}
        else:
            assert values, f"not an addition: {line}"
            ours, real = (set(re.findall(r"\w+", values[i])) for i in (2, 3))
            assert real <= ours, line
            names = {f"{values[1]}.{value}" for value in ours - real}

        assert names <= proven, f"{names - proven}: no document of the official client is named that proves it"
