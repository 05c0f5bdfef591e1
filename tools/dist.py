"""Makes what a release consists of: wheels with the worker, the plugin's archives, sums, an SBOM.

python tools/dist.py [--output build/release] [--platform linux-amd64 …]

The same commit gives the same bytes: Go is pinned, files are in order and carry the commit's time. (Compressed bytes
are zlib's, whose releases may differ; the SBOM names the one.) Nothing is taken that Git does not know.
"""

from __future__ import annotations

import argparse
import base64
import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import sbom  # noqa: E402
from setup_env import without_go  # noqa: E402

from shim.worker import build, wheel  # noqa: E402

#: The Go of all releases: another one would give other bytes. Go fetches it where it is not the one here.
GO = "go1.26.8"

#: Names of files do not hold "github": FiftyOne takes each address with that word for a repository.
ARCHIVE = "fiftyone-wandb-plugin"

#: What the plugin's archives hold: what runs, and what the worker is built from.
CONTENTS = (
    "LICENSE", "NOTICE", "README.md", "SECURITY.md", "CHANGELOG.md", "__init__.py", "fiftyone.yml", "go.mod", "go.sum",
    "requirements.txt", "assets/", "dist/", "docs/", "goworker/", "proto/", "shim/", "skills/",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Platform:
    """A system and processor, as Go names them, and the tags of its wheel.

    The worker is static, so the Linux ones need no C library of any kind or age: both families of tags are true of it.
    Go 1.26 needs macOS 12.
    """

    goos: str
    goarch: str
    tags: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.goos}-{self.goarch}"


PLATFORMS = (
    Platform("linux", "amd64", ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "musllinux_1_1_x86_64")),
    Platform("linux", "arm64", ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "musllinux_1_1_aarch64")),
    Platform("darwin", "amd64", ("macosx_12_0_x86_64",)),
    Platform("darwin", "arm64", ("macosx_12_0_arm64",)),
    Platform("windows", "amd64", ("win_amd64",)),
)


#: What the headers of programs say of their processor, by the system's format.
_ELF = {62: "linux-amd64", 183: "linux-arm64"}
_MACH_O = {0x01000007: "darwin-amd64", 0x0100000C: "darwin-arm64"}
_PE = {0x8664: "windows-amd64"}
_INTERPRETER = 3  # the kind of an ELF segment that names a dynamic linker


def platform_of(program: bytes) -> str:
    """The name of the platform that a program is for, as its header says; empty for others.

    The formats are those of elf(5), of Apple's mach-o/loader.h, and of Microsoft's "PE Format".
    """

    def number(at: int, size: int) -> int:
        return int.from_bytes(program[at : at + size], "little")

    if program[:6] == b"\x7fELF\x02\x01":  # of 64 bits, the low byte first
        return _ELF.get(number(18, 2), "")
    if program[:4] == b"\xcf\xfa\xed\xfe":
        return _MACH_O.get(number(4, 4), "")
    header = number(60, 4)
    if program[:2] == b"MZ" and program[header : header + 4] == b"PE\0\0":
        return _PE.get(number(header + 4, 2), "")
    return ""


def is_static(elf: bytes) -> bool:
    """Whether a Linux program needs no C library: no segment of it names a dynamic linker."""
    start, size, count = (int.from_bytes(elf[at : at + n], "little") for at, n in ((32, 8), (54, 2), (56, 2)))
    kinds = (int.from_bytes(elf[start + i * size :][:4], "little") for i in range(count))
    return _INTERPRETER not in kinds


def check_worker(platform: Platform, program: bytes) -> None:
    """Reads what a program says of itself.

    Raises:
        SystemExit: if it is of another platform, or needs a C library although its wheel promises that it does not
    """
    found = platform_of(program)
    if found != platform.name:
        raise SystemExit(f"The worker for {platform.name} is a program for {found or 'no system that is known'}.")
    if platform.goos == "linux" and not is_static(program):
        raise SystemExit(
            f"The worker for {platform.name} is not static, so its wheel's tags are not true: build it without cgo."
        )


def check_files(files: list[pathlib.Path]) -> None:
    """Opens each wheel and each archive with a worker, and reads the worker's platform.

    Raises:
        SystemExit: if one holds the worker of another platform, or more than one
    """
    by_name = {build.binary_name(platform.goos, platform.goarch): platform for platform in PLATFORMS}
    for path in files:
        if path.suffix not in (".whl", ".zip"):
            continue
        with zipfile.ZipFile(path) as archive:
            inside = [name for name in archive.namelist() if name.rpartition("/")[2] in by_name]
            wanted = [p for p in PLATFORMS if p.name in path.name or p.tags[0] in path.name]
            if [by_name[name.rpartition("/")[2]] for name in inside] != wanted:
                raise SystemExit(f"{path.name} holds {', '.join(inside) or 'no worker'}: build the release again.")
            for name, platform in zip(inside, wanted):
                check_worker(platform, archive.read(name))


def version() -> str:
    """The version of the plugin, as fiftyone.yml says it."""
    for line in (ROOT / "fiftyone.yml").read_text("utf-8").splitlines():
        if line.startswith("version:"):
            return line.partition(":")[2].strip().strip('"')
    raise SystemExit("fiftyone.yml names no version.")


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def plugin_files() -> dict[str, bytes]:
    """What the plugin consists of on a user's machine, without a binary: bytes by path."""
    found = {}
    for path in git("ls-files", "-z").split("\0"):
        parts = path.split("/")
        is_test = path.endswith("_test.go") or {"testdata", "testworker", "standin", "cmd"} & set(parts)
        if path in CONTENTS or (parts[0] + "/" in CONTENTS and len(parts) > 1 and not is_test):
            found[path] = (ROOT / path).read_bytes()
    return found


def write_zip(path: pathlib.Path, files: dict[str, bytes], programs: tuple[str, ...] = ()) -> None:
    """Writes a ZIP file whose bytes depend on its contents and the commit alone."""
    when = time.gmtime(max(int(git("log", "-1", "--format=%ct")), 315532800))[:6]  # ZIP begins with the year 1980
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, when)
            entry.create_system = 3  # modes are Unix's, on whatever system this runs
            entry.external_attr = (0o100755 if name in programs else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])


def write_wheel(directory: pathlib.Path, platform: Platform, binary: dict[str, bytes]) -> pathlib.Path:
    """Writes the wheel of a platform; binary holds the worker and its label, by file name."""
    distribution = wheel.PACKAGE
    info = f"{distribution}-{version()}.dist-info"
    metadata = f"""Metadata-Version: 2.4
Name: {wheel.NAME}
Version: {version()}
Summary: The worker of the FiftyOne plugin @harpreetsahota/wandb, for machines without Go
Home-page: https://github.com/harpreetsahota204/fiftyone_wandb_plugin
License-Expression: Apache-2.0
License-File: LICENSE
License-File: NOTICE
Requires-Python: >=3.10
Description-Content-Type: text/markdown

The FiftyOne plugin `@harpreetsahota/wandb` finds the worker in this package by itself. Use the release of the plugin's
own version: a worker that was built from other sources is not run.
"""
    tags = "".join(f"Tag: py3-none-{tag}\n" for tag in platform.tags)
    files = {f"{distribution}/{name}": content for name, content in binary.items()}
    files[f"{distribution}/__init__.py"] = b'"""The worker of the FiftyOne plugin @harpreetsahota/wandb."""\n'
    files[f"{info}/METADATA"] = metadata.encode()
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: dist.py\nRoot-Is-Purelib: false\n{tags}".encode()
    for name in ("LICENSE", "NOTICE"):
        files[f"{info}/licenses/{name}"] = (ROOT / name).read_bytes()
    record = f"{info}/RECORD"
    lines = []
    for name in sorted(files):
        digest = base64.urlsafe_b64encode(hashlib.sha256(files[name]).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(files[name])}")
    files[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    path = directory / f"{distribution}-{version()}-py3-none-{'.'.join(platform.tags)}.whl"
    write_zip(path, files, tuple(name for name in files if "/wandb-worker-" in name and not name.endswith(".json")))
    return path


def built(platform: Platform, directory: pathlib.Path) -> dict[str, bytes]:
    """The worker of a platform and its label, by file name."""
    binary = directory / build.binary_name(platform.goos, platform.goarch)
    build.build(binary, goos=platform.goos, goarch=platform.goarch, say=lambda _: print(f"Building {binary.name}"))
    return {path.name: path.read_bytes() for path in (binary, build.label_path(binary))}


def make(output: pathlib.Path, platforms: list[Platform]) -> list[pathlib.Path]:
    """Makes everything for the platforms in the directory, in place of what is there; gives the files."""
    os.environ["GOTOOLCHAIN"] = GO
    os.environ["GOFLAGS"] = ""  # of the person who calls it
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    made = []
    plugin = plugin_files()

    def archive(name: str, files: dict[str, bytes], programs: tuple[str, ...] = ()) -> None:
        write_zip(output / name, files, programs)
        made.append(output / name)

    archive(f"{ARCHIVE}-{version()}.zip", plugin)
    with tempfile.TemporaryDirectory(prefix="wandb-worker-") as scratch:
        for platform in platforms:
            binary = built(platform, pathlib.Path(scratch))
            made.append(write_wheel(output, platform, binary))
            files = plugin | {f"build/{name}": content for name, content in binary.items()}
            files["requirements.txt"] = without_go(plugin["requirements.txt"].decode()).encode()
            programs = tuple(f"build/{name}" for name in binary if not name.endswith(".json"))
            archive(f"{ARCHIVE}-{version()}-{platform.name}.zip", files, programs)
    check_files(made)
    bill = output / f"{ARCHIVE}-{version()}.cdx.json"
    bill.write_text(json.dumps(sbom.bill(version(), GO, build.source_hash()), indent=1) + "\n", "utf-8")
    made.append(bill)
    sums = output / "SHA256SUMS"
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(made))
    sums.write_text("".join(lines), "utf-8")
    return [*made, sums]


def main(arguments: list[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--platform", action="append", choices=[platform.name for platform in PLATFORMS])
    options = parser.parse_args(arguments)
    wanted = [platform for platform in PLATFORMS if platform.name in (options.platform or [platform.name])]
    for path in make(options.output.resolve(), wanted):
        print(f"{path.stat().st_size / 1e6:6.1f} MB  {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
