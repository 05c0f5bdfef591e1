"""What the stages of a hostile artifact take of the memory of the App's server, which reads them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# More than the server has anyway. What gRPC holds until it has made the message is gone before the stages are read.
MOST_MB = 200

# Each case is measured in a fork of its own, from when the message is there as bytes.
PROGRAM = r"""
import json, os, re, sys
from pathlib import Path
from shim.restoring import stagecheck, stages
from shim.worker import messages
messages.load()

def taken(key):
    return int(re.search(key + r":\s+(\d+) kB", Path("/proc/self/status").read_text())[1])

def measure(path):
    Path("/proc/self/clear_refs").write_text("5")
    before = taken("VmRSS")
    content = messages.ArtifactContent.FromString(Path(path).read_bytes())
    try:
        stages.parse(content.serialization_json)
        end = "read"
    except (stagecheck.StagesRefused, stagecheck.StagesUnusable) as error:
        end = str(error)
    print(json.dumps([os.path.basename(path), (taken("VmHWM") - before) >> 10, end[:200]]), flush=True)

for path in sys.argv[1:]:
    if not os.fork():
        measure(path)
        os._exit(0)
    os.wait()
"""

LISTS, VALUES, TEXT = 99_000, 840_000, 30 << 20
WIDE = "\U0001f600"


def select(ids):
    return f'[{{"_cls":"fiftyone.core.stages.Select","kwargs":[["sample_ids",[{",".join(ids)}]],["ordered",false]]}}]'


def listed(values):
    return f"[{','.join(values)}]"


CASES = {
    "the largest view": lambda: select(f'"{i:024x}"' for i in range(800_000)),
    "lists": lambda: f"[{'[],' * (TEXT // 3)}[]]",
    "lists of numbers": lambda: listed([listed(["1.5e100"] * 8)] * LISTS),
    "objects": lambda: listed("{" + ",".join(f'"k{8 * i + k}":{i}' for k in range(8)) + "}" for i in range(LISTS)),
    "objects with few keys": lambda: listed(f'{{"k{i}":{i},"l{i}":{i}}}' for i in range(LISTS)),
    "ids of documents": lambda: listed(f'{{"$oid":"{i:024x}"}}' for i in range(LISTS)),
    "short texts": lambda: select(f'"{i:028x}~"' for i in range(VALUES)),
    "short texts of four bytes a character": lambda: select(f'"\\ud83d\\ude00{i:06}"' for i in range(VALUES)),
    "numbers": lambda: listed(f"{i}.5e100" for i in range(VALUES)),
    "a long text, one character of four bytes": lambda: f'["{"a" * TEXT}\\ud83d\\ude00"]',
    "characters of four bytes": lambda: f'["{WIDE * (TEXT // 4)}"]',
    "one character of four bytes": lambda: f'["{"a" * TEXT}{WIDE}"]',
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process has taken at most")
def test_hostile_stages_take_little_memory(tmp_path):
    """30 MB of lists, of objects, of texts that Python keeps with four bytes a character, and the largest real view."""
    from shim.worker import messages

    messages.load()
    for name, text in CASES.items():
        message = messages.ArtifactContent(serialization_json=text()).SerializeToString()
        assert len(message) < 32 << 20
        (tmp_path / name).write_bytes(message)

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *(str(tmp_path / name) for name in CASES)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    print(*found, sep="\n")
    assert [name for name, _, _ in found] == list(CASES), done.stderr
    assert {name: taken for name, taken, _ in found if taken >= MOST_MB} == {}
    ends = {name: end for name, _, end in found}
    assert ends["the largest view"] == "read"
    assert "more values" in ends["a long text, one character of four bytes"]
