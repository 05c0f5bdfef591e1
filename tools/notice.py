"""Writes NOTICE: the licences of all Go modules that are compiled into the worker.

python tools/notice.py           writes the file
python tools/notice.py --check   fails if it is not current
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOTICE = ROOT / "NOTICE"
SYSTEMS = ("linux", "darwin", "windows")  # binaries differ by what their system needs
LICENCES = ("LICENSE*", "LICENCE*", "COPYING*", "NOTICE*")

HEAD = """The worker of the FiftyOne plugin @harpreetsahota/wandb is licensed under the Apache License 2.0, see
LICENSE. Its binaries hold the Go modules below, under these licences. Made by tools/notice.py.
"""


def modules() -> dict[str, tuple[str, pathlib.Path]]:
    """The modules that are compiled in: their versions and directories by path."""
    found = {}
    for system in SYSTEMS:
        environment = {**os.environ, "GOOS": system, "GOARCH": "amd64", "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"}
        form = "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}{{end}}"
        listed = subprocess.run(
            ["go", "list", "-deps", "-f", form, "./goworker"],
            cwd=ROOT,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        for line in filter(None, listed.stdout.splitlines()):
            path, version, directory = line.split("\t")
            found[path] = (version, pathlib.Path(directory))
    return found


def texts(directory: pathlib.Path) -> list[str]:
    """The licence texts of a module.

    Raises:
        SystemExit: if there are none, since such a module may not be given away
    """
    files = sorted({file for pattern in LICENCES for file in directory.glob(pattern) if file.is_file()})
    if not files:
        raise SystemExit(f"{directory} has no licence")
    return ["\n".join(line.rstrip() for line in file.read_text("utf-8").strip().splitlines()) for file in files]


def notice() -> str:
    """The text of the file."""
    named: dict[str, list[str]] = {}
    for path, (version, directory) in sorted(modules().items()):
        for text in texts(directory):
            named.setdefault(text, []).append(f"{path} {version}")
    root = subprocess.run(["go", "env", "GOROOT"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    standard = next((p for p in (pathlib.Path(root) / "LICENSE",) if p.is_file()), None)
    if standard:
        text = "\n".join(line.rstrip() for line in standard.read_text("utf-8").strip().splitlines())
        named.setdefault(text, []).insert(0, "Go's standard library")
    parts = [HEAD]
    for text, owners in sorted(named.items(), key=lambda item: item[1]):
        parts += ["=" * 80, *owners, "=" * 80, "", text, ""]
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    """The command line."""
    text = notice()
    if "--check" not in arguments:
        NOTICE.write_text(text, "utf-8")
        return 0
    if NOTICE.is_file() and NOTICE.read_text("utf-8") == text:
        return 0
    sys.stderr.write("NOTICE does not have the licences of today's modules: run make notice\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
