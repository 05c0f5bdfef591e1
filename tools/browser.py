"""Prints the path of a Chromium for the browser tests, installing one where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> int:
    for find in (on_path, from_debian, from_playwright):
        path = find()
        if path:
            print(path)
            return 0
    print("No Chromium was found or could be installed: install Chromium and run this again.", file=sys.stderr)
    return 1


def on_path() -> str | None:
    return next((path for path in map(shutil.which, NAMES) if path), None)


def from_debian() -> str | None:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return None
    print("Installing Chromium from Debian's packages", file=sys.stderr)
    for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-y", "-q", "chromium"]):
        done = subprocess.run(command, stdout=sys.stderr, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
        if done.returncode:
            return None
    return on_path()


def from_playwright() -> str | None:
    print("Installing Playwright's Chromium", file=sys.stderr)
    if subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], stdout=sys.stderr).returncode:
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
        return path if os.path.exists(path) else None


if __name__ == "__main__":
    sys.exit(main())
