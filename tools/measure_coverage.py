"""Prints how much of the Go and the Python code the tests run, in percent: `make coverage`, which takes a while.

Go's figure is that of Go's own tests, without generated code. What only a worker of an end-to-end test runs is not in it. Python's is of all
processes that the tests start.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

import browser

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "build" / "coverage"
COVERAGE = "coverage==7.17.3"
#: Python reads this when it starts.
HOOK = "import coverage\n\ncoverage.process_startup()\n"


def main() -> int:
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    failed = [name for name, measure in {"Go": go, "Python": python}.items() if not measure()]
    if failed:
        print(f"Some tests failed ({' and '.join(failed)}), so the figures are too low.")
    return len(failed)


def go() -> bool:
    profile, every = OUTPUT / "go.out", "./goworker/..."
    tests = ["go", "test", "-timeout", "60m", f"-coverpkg={every}", f"-coverprofile={profile}", every]
    # As the worker is built, so that the compiled packages of others are shared.
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-trimpath -buildvcs=false"}
    passed = subprocess.run(tests, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL).returncode == 0
    lines = profile.read_text().splitlines(keepends=True)
    profile.write_text("".join(line for line in lines if "/internal/gen/" not in line))
    report = ["go", "tool", "cover", "-func", profile]
    print("Go:", subprocess.run(report, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()[-1])
    return passed


def python() -> bool:
    packages = OUTPUT / "packages"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", packages, COVERAGE]
    subprocess.run(pip, check=True)
    (packages / "sitecustomize.py").write_text(HOOK)
    settings = OUTPUT / "settings"
    settings.write_text(f"[run]\nsource = {ROOT / 'shim'}\nparallel = true\ndata_file = {OUTPUT / 'python'}\n")
    environment = {**os.environ, "PYTHONPATH": str(packages), "COVERAGE_PROCESS_START": str(settings)}
    environment["FIFTYONE_WANDB_CHROMIUM"] = browser.on_path() or ""
    tests = [sys.executable, "-m", "pytest", "-q", "-n", "4", "--dist", "loadfile", "--no-loadscope-reorder", "tests"]
    passed = subprocess.run(tests, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL).returncode == 0
    command = [sys.executable, "-m", "coverage"]
    rules = f"--rcfile={settings}"
    subprocess.run([*command, "combine", rules], env=environment, check=True, stdout=subprocess.DEVNULL)
    report = [*command, "report", rules, "--format=total", "--precision=1"]
    print(f"Python: {subprocess.run(report, env=environment, capture_output=True, text=True).stdout.strip()}%")
    return passed


if __name__ == "__main__":
    sys.exit(main())
