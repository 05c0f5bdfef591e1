"""Makes a release: checks, builds, tries what was built, and writes how to upload it.

python tools/release.py VERSION            into build/release
python tools/release.py --publish VERSION  uploads it to the project's hoster
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import zipfile

import dist
from shim import __version__
from shim.worker import build, wheel

ROOT = pathlib.Path(__file__).resolve().parent.parent
RELEASE = ROOT / "build" / "release"


def problems(version: str) -> list[str]:
    """What has to be put right before the release; each says how."""
    found = []
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version):
        found.append(f"{version!r} is not a version such as 1.2.3 or 1.2.3rc1.")
    if changed := dist.git("status", "--porcelain").splitlines():
        found.append(f"{len(changed)} files are changed or unknown to Git: commit or remove them.")
    versions = {
        "fiftyone.yml": dist.version(),
        "shim/__init__.py": __version__,
        "js/package.json": json.loads((ROOT / "js/package.json").read_text("utf-8"))["version"],
    }
    found += [f"{path} says {said}: set it to {version}." for path, said in versions.items() if said != version]
    changelog = ROOT / "CHANGELOG.md"
    text = changelog.read_text("utf-8") if changelog.is_file() else ""
    section = re.search(rf"^## \[?v?{re.escape(version)}(?![\w.]).*", text, re.M)
    if section is None:
        found.append(f"CHANGELOG.md has no section '## {version}': write what users will notice.")
    elif "unreleased" in section[0].lower():
        found.append(f"CHANGELOG.md calls {version} unreleased: write the day, as in '## [{version}] - 2030-01-31'.")
    return found


def try_out(files: list[pathlib.Path]) -> None:
    """Runs the worker of this computer out of its wheel, and compares what it says with the sources.

    Raises:
        SystemExit: if it is not what it should be
    """
    goos, goarch = build.target()
    name = build.binary_name(goos, goarch)
    for path in files:
        if path.suffix != ".whl":
            continue
        with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as directory:
            if f"{wheel.PACKAGE}/{name}" not in archive.namelist():
                continue
            binary = pathlib.Path(archive.extract(f"{wheel.PACKAGE}/{name}", directory))
            binary.chmod(0o755)
            said = subprocess.run([binary, "-version"], check=True, capture_output=True, text=True).stdout
            if build.source_hash() not in said:
                raise SystemExit(f"{path.name} holds a worker of other sources: {said}")
            print(f"{name} runs: {said.strip()}")
            return
    print(f"There is no wheel for this computer ({goos}-{goarch}), so no worker was run.")


def check_sums() -> None:
    """Compares the files with SHA256SUMS.

    Raises:
        SystemExit: if one is another
    """
    for line in (RELEASE / "SHA256SUMS").read_text("utf-8").splitlines():
        digest, name = line.split("  ")
        if hashlib.sha256((RELEASE / name).read_bytes()).hexdigest() != digest:
            raise SystemExit(f"{name} is not what SHA256SUMS says: build the release again.")


def commands(version: str, files: list[pathlib.Path]) -> list[list[str]]:
    """What uploads the release: the page with its archives, and the wheels."""
    notes = ["--title", version, "--notes-file", "CHANGELOG.md", "--verify-tag"]
    return [
        ["gh", "release", "create", f"v{version}", *notes, *(path.relative_to(ROOT).as_posix() for path in files)],
        ["twine", "upload", *(path.relative_to(ROOT).as_posix() for path in files if path.suffix == ".whl")],
    ]


def main(arguments: list[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version")
    parser.add_argument("--publish", action="store_true", help="upload what is in build/release to the release's page")
    options = parser.parse_args(arguments)
    if options.publish:
        check_sums()
        files = sorted(path for path in RELEASE.iterdir() if path.name != "UPLOAD.sh")
        return subprocess.run(commands(options.version, files)[0], cwd=ROOT, check=False).returncode
    if found := problems(options.version):
        print("No release was made:", *found, sep="\n- ", file=sys.stderr)
        return 1
    files = dist.make(RELEASE, list(dist.PLATFORMS))
    check_sums()
    try_out(files)
    lines = [f"git tag v{options.version} && git push origin v{options.version}"]
    lines += [shlex.join(command) for command in commands(options.version, sorted(files))]
    (RELEASE / "UPLOAD.sh").write_text("#!/bin/sh -e\n" + "\n".join(lines) + "\n", "utf-8")
    print(
        f"Made {len(files)} files in {RELEASE.relative_to(ROOT)}. UPLOAD.sh there has the commands that publish them."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
