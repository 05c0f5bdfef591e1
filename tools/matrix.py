"""Runs the end-to-end core with several versions of FiftyOne, Python and wandb, and keeps the list of what was run.

python tools/matrix.py                              every combination
python tools/matrix.py fiftyone=1.14.2 python=3.13  these; "newest" is the newest release; what is not named is the tested one
python tools/matrix.py --emulated                   only the workers of other systems
python tools/matrix.py --table                      only writes the table in docs/compatibility.md again

The core: log both ways, load, link, in the background, and the forms. Each combination has an environment of its own in a
temporary folder, which is gone afterwards; what pytest said is in build/matrix. The list is docs/tested.json, written
after each combination; what was never run, or could not be run, is in it as such.
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

import emulation
import setup_env

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIST = ROOT / "docs" / "tested.json"
PAGE = ROOT / "docs" / "compatibility.md"
LOGS = ROOT / "build" / "matrix"
BEGIN, END = "<!-- tested: made by make test-matrix -->\n", "<!-- end of tested -->\n"

#: What tests need beside the plugin's own requirements, as requirements-dev.txt has it.
TOOLS = ("pytest==9.2.0", "pytest-xdist==3.8.0", "scikit-learn", "imageio-ffmpeg==0.8.1")
#: What the tested releases are where a combination does not say.
DEFAULTS = {"fiftyone": "1.22.1", "python": "3.11", "wandb": "0.31.0"}
FIRST_FIFTYONE = (1, 14)
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
READERS = 3  # how many minor releases of wandb
#: The views of the core: one for each way in which rows come about.
VIEWS = (
    "dataset", "filter_labels", "concat", "saved view", "patches filtered", "evaluation patches", "group slices",
    "dynamic groups", "frame patches", "clips of an expression",
)  # fmt: skip
CORE = (
    *(f"tests/e2e/test_views.py::test_view[{kind}]" for kind in VIEWS),
    "tests/e2e/test_views.py::test_logged_stages_give_the_view_again",
    "tests/e2e/test_predictions.py::test_rows_and_lists[shuffle-predictions]",
    "tests/e2e/test_predictions.py::test_rows_and_lists[evaluation patches-predictions]",
    "tests/e2e/test_predictions.py::test_facts_of_the_model",
    "tests/test_linked_runs.py::test_as_the_original_was_called",
    "tests/test_linked_runs.py::test_renaming_and_removing",
    "tests/test_linked_runs.py::test_forms",
    "tests/test_services.py::test_done[plain]",
    "tests/test_app.py::test_forms_of_all_datasets",
    "tests/test_app.py::test_form_of_a_view",
)


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


def uv(directory: pathlib.Path) -> str:
    """The program uv: the one on PATH, else one that pip puts into the directory."""
    if found := shutil.which("uv"):
        return found
    subprocess.run([sys.executable, "-m", "venv", directory / "uv"], check=True)
    program = program_of(directory / "uv", "python")
    subprocess.run([program, "-m", "pip", "install", "--quiet", setup_env.UV], check=True)
    return str(program_of(directory / "uv", "uv"))


def program_of(env: pathlib.Path, name: str) -> pathlib.Path:
    """A program of an environment."""
    return env / "Scripts" / f"{name}.exe" if os.name == "nt" else env / "bin" / name


def install(one: dict[str, str], env: pathlib.Path, uv: str, python: str) -> None:
    """Makes the environment of a combination.

    Raises:
        subprocess.CalledProcessError: if something cannot be had, with what uv said
    """
    # FiftyOne before 1.22.1 does not say so itself, and cannot be imported with a newer one.
    packages = [f"fiftyone=={one['fiftyone']}", f"wandb=={one['wandb']}", "graphql-core<3.3", *TOOLS]
    run = {"check": True, "cwd": ROOT, "stderr": subprocess.PIPE, "text": True}
    subprocess.run([uv, "venv", "--quiet", "--python", python, env], **run)
    pip = [uv, "pip", "install", "--quiet", "--python", str(program_of(env, "python"))]
    subprocess.run([*pip, "-r", "requirements.txt", *packages], **run)
    setup_env.ensure_mongod(program_of(env, "python"), pip)


def run(one: dict[str, str], directory: pathlib.Path, uv: str) -> dict[str, str]:
    """Runs the core with a combination, with an environment below the directory; gives its row of the list."""
    row = {**one, "system": f"{platform.system()} {platform.machine()}", "date": datetime.date.today().isoformat()}
    python = interpreter(one["python"])
    if python is None:
        return {**row, "result": f"not run: there is no Python {one['python']} here"}
    name = "-".join(f"{key}{value}" for key, value in one.items())
    env = directory / name
    try:
        install(one, env, uv, python)
        tests = [program_of(env, "python"), "-m", "pytest", "-q", "-n", os.environ.get("JOBS", "2")]
        done = subprocess.run(
            [*tests, "--dist", "loadfile", "--durations", "10", *CORE], cwd=ROOT, capture_output=True, text=True
        )
    except subprocess.CalledProcessError as error:
        print(error.stderr)
        return {**row, "result": "not run: the packages could not be installed"}
    finally:
        shutil.rmtree(env, ignore_errors=True)
    LOGS.mkdir(parents=True, exist_ok=True)
    (LOGS / f"{name}.log").write_text(done.stdout + done.stderr, "utf-8")
    last = [line for line in done.stdout.splitlines() if line.strip()]
    return {**row, "result": "passed" if done.returncode == 0 else "failed", "tests": summary(last[-1] if last else "")}


def summary(line: str) -> str:
    """ "12 passed, 3 deselected" out of pytest's last line."""
    return ", ".join(re.findall(r"\d+ (?:passed|failed|error|errors|skipped)", line))


def emulated(name: str) -> dict[str, str]:
    """Runs the worker of another system as far as the handshake; gives its row of the list."""
    row = {"worker": name, "date": datetime.date.today().isoformat()}
    if (missing := emulation.missing(name)) is not None:
        return {**row, "result": f"not run: {missing}"}
    try:
        with tempfile.TemporaryDirectory(prefix="wandb-plugin-emulated-") as directory:
            said = emulation.handshake(name, pathlib.Path(directory))
    except Exception as error:
        return {**row, "result": f"failed: {error}"}
    return {**row, "result": said}


def merged(old: list[dict[str, str]], new: list[dict[str, str]]) -> list[dict[str, str]]:
    """The list, where new rows replace older ones of the same combination. A row that says "not run" replaces none."""

    def key(row: dict[str, str]) -> tuple[str, ...]:
        return tuple(row.get(name, "") for name in ("fiftyone", "python", "wandb", "system", "worker"))

    rows = {key(row): row for row in old}
    for row in new:
        if key(row) not in rows or not row["result"].startswith("not run"):
            rows[key(row)] = row
    return sorted(rows.values(), key=order)


def order(row: dict[str, str]) -> tuple[object, ...]:
    """Where a row stands: the newest FiftyOne first, its releases of Python and wandb in their order, the workers last."""
    fiftyone, *others = (tuple(map(int, row.get(name, "0").split("."))) for name in ("fiftyone", "python", "wandb"))
    return ("worker" in row, tuple(-number for number in fiftyone), *others, row.get("worker", ""))


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


def keep(row: dict[str, str]) -> None:
    """Puts a row into the list and the page."""
    old = json.loads(LIST.read_text("utf-8")) if LIST.is_file() else []
    rows = merged(old, [row])
    LIST.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    write_table(rows)
    print(table([row]).splitlines()[-1], flush=True)


def main(arguments: list[str]) -> int:
    """The command line."""
    if arguments == ["--table"]:
        write_table(json.loads(LIST.read_text("utf-8")))
        return 0
    failed = False
    if arguments != ["--emulated"]:
        with tempfile.TemporaryDirectory(prefix="wandb-plugin-matrix-") as directory:
            program = uv(pathlib.Path(directory))
            os.environ.setdefault("UV_CACHE_DIR", f"{directory}/cache")  # beside the environments, which link to it
            for one in [resolve(arguments)] if arguments else every():
                keep(row := run(one, pathlib.Path(directory), program))
                failed |= row["result"].startswith("failed")
    if not arguments or arguments == ["--emulated"]:
        for name in emulation.PROGRAMS:
            keep(row := emulated(name))
            failed |= row["result"].startswith("failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
