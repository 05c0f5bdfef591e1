"""Checks that the panel's committed bundle was made of the sources in js/. Needs no Node."""

from __future__ import annotations

import hashlib
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUNDLE = ROOT / "dist" / "index.umd.js"
#: What the bundle is made of; js/vite.config.ts has the same list.
SOURCES = ("package-lock.json", "package.json", "tsconfig.json", "vite.config.ts", "src")
STAMP = re.compile(rb"/\* sources sha256:([0-9a-f]{64}) code sha256:([0-9a-f]{64}) \*/\n")


def main() -> int:
    problem = check(ROOT / "js", BUNDLE)
    if problem:
        print(f"{BUNDLE.relative_to(ROOT)}: {problem}. Run `make js`.", file=sys.stderr)
    return 1 if problem else 0


def check(sources: pathlib.Path, bundle: pathlib.Path) -> str | None:
    """What is wrong with a bundle, or None."""
    content = bundle.read_bytes()
    stamp = STAMP.match(content)
    if stamp is None:
        return "it does not say what it was made of"
    if stamp[1].decode() != digest(sources):
        return "the sources in js/ have changed since it was made"
    if stamp[2].decode() != hashlib.sha256(content[stamp.end() :]).hexdigest():
        return "it was changed after it was made"
    return None


def digest(directory: pathlib.Path) -> str:
    """A hash of the sources, whatever their line ends are."""
    files = []
    for name in SOURCES:
        path = directory / name
        files += [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    hashed = hashlib.sha256()
    for name, path in sorted((path.relative_to(directory).as_posix(), path) for path in files):
        hashed.update(f"{name}\n".encode() + path.read_bytes().replace(b"\r\n", b"\n") + b"\n")
    return hashed.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
