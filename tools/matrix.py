"""Runs the end-to-end core with several versions of FiftyOne, Python and wandb, and keeps the list of what was run.

python tools/matrix.py                              every combination
python tools/matrix.py fiftyone=1.14 python=3.13    these; "newest" is the newest release; what is not named is the tested one
python tools/matrix.py --table                      only writes the table in docs/compatibility.md again

The core: log both ways, load, link, in the background, and the forms. Each combination has an environment of its own below
.matrix/. The list is docs/tested.json; what was never run, or could not be run, is in it as such.
"""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


LIST = ROOT / "docs" / "tested.json"
PAGE = ROOT / "docs" / "compatibility.md"
BEGIN, END = "<!-- tested: made by make test-matrix -->\n", "<!-- end of tested -->\n"

#: What tests need beside the plugin's own requirements, as requirements-dev.txt has it.
TOOLS = ("pytest==9.2.0", "pytest-xdist==3.8.0", "scikit-learn", "imageio-ffmpeg==0.8.1")
#: What the tested releases are where a combination does not say.
DEFAULTS = {"fiftyone": "1.22.1", "python": "3.11", "wandb": "0.31.0"}
FIRST_FIFTYONE = (1, 14)
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
READERS = 3  # how many minor releases of wandb
CORE = (
    "tests/test_log_view.py",
    "tests/test_log_predictions.py",
    "tests/test_runs.py",
    "tests/test_services.py",
    "tests/test_forms.py",
    "tests/restore/test_kinds.py",
    "tests/e2e/test_views.py",
    "tests/e2e/test_predictions.py",
)
#: Binaries of other systems, and the program that runs each here.
EMULATED = {"linux-arm64": ("qemu-aarch64-static", "qemu-aarch64"), "windows-amd64": ("wine64", "wine")}


def releases(package: str) -> list[str]:
    """The newest release of each minor version of a package, the newest first."""
    command = [sys.executable, "-m", "pip", "index", "versions", package]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    versions = re.search(r"Available versions: (.*)", said)
    newest: dict[tuple[int, ...], str] = {}
    for version in versions.group(1).split(", ") if versions else []:
        if re.fullmatch(r"\d+\.\d+(\.\d+)*", version):
            newest.setdefault(tuple(map(int, version.split(".")[:2])), version)
    return list(newest.values())


def minor(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")[:2]))


def every() -> list[dict[str, str]]:
    """All combinations: each FiftyOne, each Python and some readers, the others as tested."""
    fiftyones = [version for version in releases("fiftyone") if minor(version) >= FIRST_FIFTYONE]
    readers = releases("wandb")[:READERS]
    found = [{**DEFAULTS, "fiftyone": version} for version in fiftyones]
    found += [{**DEFAULTS, "python": version} for version in PYTHONS]
    found += [{**DEFAULTS, "wandb": version} for version in readers]
    return [one for i, one in enumerate(found) if one not in found[:i]]


def resolve(words: list[str]) -> dict[str, str]:
    """The combination of words such as "fiftyone=newest"."""
    one = {**DEFAULTS, "python": ".".join(platform.python_version_tuple()[:2])}
    for word in words:
        name, _, value = word.partition("=")
        if name not in one or not value:
            raise SystemExit(f"{word!r} is not one of fiftyone=…, python=…, wandb=….")
        one[name] = releases(name)[0] if value == "newest" else value
    return one


def interpreter(version: str) -> str | None:
    """A Python of this version: the one on PATH, or of pyenv."""
    found = [
        shutil.which(f"python{version}"),
        *map(str, pathlib.Path.home().glob(f".pyenv/versions/{version}.*/bin/python")),
    ]
    for path in filter(None, found):
        said = subprocess.run(
            [path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True
        )
        if said.stdout.strip() == version:
            return path
    return None


def run(one: dict[str, str]) -> dict[str, str]:
    """Runs the core with a combination; gives its row of the list."""
    row = {**one, "system": f"{platform.system()} {platform.machine()}", "date": datetime.date.today().isoformat()}
    python = interpreter(one["python"])
    if python is None:
        return {**row, "result": f"not run: there is no Python {one['python']} here"}
    name = "-".join(f"{key}{value}" for key, value in one.items())
    env = ROOT / ".matrix" / name
    packages = [f"fiftyone=={one['fiftyone']}", f"wandb=={one['wandb']}", *TOOLS]
    if minor(one["fiftyone"]) < (1, 16):
        packages.append("graphql-core<3.3")
    command = [
        python,
        ROOT / "tools/setup_env.py",
        "--venv",
        env.relative_to(ROOT),
        "--requirements",
        "requirements.txt",
    ]
    for package in packages:
        command += ["--package", package]
    if subprocess.run(command, cwd=ROOT).returncode:
        return {**row, "result": "not run: pip could not install it"}
    program = env / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    tests = [program, "-m", "pytest", "-q", "-n", os.environ.get("JOBS", "2"), "--dist", "loadfile", *CORE]
    done = subprocess.run([*tests, "-m", "oldest and not any_version"], cwd=ROOT, capture_output=True, text=True)
    print(done.stdout[-4000:])
    last = [line for line in done.stdout.splitlines() if line.strip()]
    return {**row, "result": "passed" if done.returncode == 0 else "failed", "tests": summary(last[-1] if last else "")}


def summary(line: str) -> str:
    """ "12 passed, 3 deselected" out of pytest's last line."""
    return ", ".join(re.findall(r"\d+ (?:passed|failed|error|errors|skipped)", line))


def emulated() -> list[dict[str, str]]:
    """The binaries of other systems, as far as the handshake, where a program here can run them."""
    from shim.worker import Found, Worker, build

    rows = []
    for name, programs in EMULATED.items():
        row = {"worker": name, "date": datetime.date.today().isoformat()}
        emulator = next(filter(None, map(shutil.which, programs)), None)
        if emulator is None:
            rows.append({**row, "result": f"not run: {programs[-1]} is not installed here"})
            continue
        goos, goarch = name.split("-")
        with tempfile.TemporaryDirectory() as directory:
            binary = pathlib.Path(directory) / build.binary_name(goos, goarch)
            source = build.build(binary, goos=goos, goarch=goarch)
            script = pathlib.Path(directory) / "worker"
            script.write_text(f'#!/bin/sh\nexec "{emulator}" "{binary}" "$@"\n')
            script.chmod(0o755)
            try:
                with Worker(Found(script, source)):
                    rows.append({**row, "result": f"handshake, emulated by {pathlib.Path(emulator).name}"})
            except Exception as error:
                rows.append({**row, "result": f"failed, emulated by {pathlib.Path(emulator).name}: {error}"})
    return rows


def merged(old: list[dict[str, str]], new: list[dict[str, str]]) -> list[dict[str, str]]:
    """The list with new rows in the place of older ones of the same combination. A row that says "not run" replaces none."""

    def key(row: dict[str, str]) -> tuple[str, ...]:
        return tuple(row.get(name, "") for name in ("fiftyone", "python", "wandb", "system", "worker"))

    rows = {key(row): row for row in old}
    for row in new:
        if key(row) not in rows or not row["result"].startswith("not run"):
            rows[key(row)] = row
    return [rows[name] for name in sorted(rows)]


def table(rows: list[dict[str, str]]) -> str:
    """The list as a table of Markdown."""
    lines = [
        "| FiftyOne | Python | wandb, as reader | system | result | date |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        if "worker" in row:
            lines.append(f"| – | – | – | the worker for {row['worker']} | {row['result']} | {row['date']} |")
        else:
            result = row["result"] + (f" ({row['tests']})" if row.get("tests") else "")
            cells = (row["fiftyone"], row["python"], row["wandb"], row["system"], result, row["date"])
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def write_table(rows: list[dict[str, str]]) -> None:
    """Puts the table into the page."""
    text = PAGE.read_text("utf-8")
    head, rest = text.split(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}{table(rows)}{rest[rest.index(END) :]}", "utf-8")


def main(arguments: list[str]) -> int:
    """The command line."""
    old = json.loads(LIST.read_text("utf-8")) if LIST.is_file() else []
    if arguments == ["--table"]:
        write_table(old)
        return 0
    new = [run(one) for one in ([resolve(arguments)] if arguments else every())]
    if not arguments:
        new += emulated()
    rows = merged(old, new)
    LIST.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    write_table(rows)
    print(table(new))
    return 1 if any(row["result"].startswith("failed") for row in new) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
