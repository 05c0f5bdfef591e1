"""Looks for published advisories about what the plugin depends on: govulncheck, pip-audit, npm audit.

Each asks a database of its own. One that cannot be asked is named in a sentence; only findings
are a failure.
"""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOVULNCHECK = "golang.org/x/vuln/cmd/govulncheck@v1.1.4"
SECONDS = 600


class CannotAsk(Exception):
    """There is no tool, or its database cannot be reached. The text says why."""


def go_findings(output: str, status: int) -> list[str]:
    """What ``govulncheck -format json`` found in code that is called."""
    found, decoder, rest = {}, json.JSONDecoder(), output.strip()
    try:
        while rest:
            message, end = decoder.raw_decode(rest)
            rest = rest[end:].lstrip()
            finding = message.get("finding")
            if finding and finding["trace"][0].get("function"):
                found[finding["osv"]] = f"{finding['osv']} in {finding['trace'][0]['module']}"
    except (ValueError, AttributeError, KeyError, IndexError) as error:
        raise CannotAsk("its answer cannot be read") from error
    if status not in (0, 3):
        raise CannotAsk(f"it ended with status {status}")
    return sorted(found.values())


def python_findings(output: str) -> list[str]:
    """What ``pip-audit --format json`` found."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError) as error:
        raise CannotAsk("its answer cannot be read") from error
    return sorted(
        f"{one['id']} in {package['name']} {package['version']}"
        for package in packages
        for one in package.get("vulns", [])
    )


def js_findings(output: str) -> list[str]:
    """What ``npm audit --json`` found."""
    try:
        found = json.loads(output)["vulnerabilities"]
    except (ValueError, KeyError, TypeError) as error:
        raise CannotAsk("its answer cannot be read") from error
    return sorted(f"{name} ({one['severity']})" for name, one in found.items())


def audit_go() -> list[str]:
    """Audits the worker."""
    done = _run(["go", "run", GOVULNCHECK, "-format", "json", "./goworker/..."], ROOT)
    return go_findings(done.stdout, done.returncode)


def audit_python() -> list[str]:
    """Audits the newest packages that requirements.txt allows."""
    with tempfile.TemporaryDirectory() as directory:
        venv.create(directory, with_pip=True)
        python = next(pathlib.Path(directory).glob("[bS]*/python*"))
        if _run([str(python), "-m", "pip", "install", "-q", "pip-audit"], ROOT).returncode:
            raise CannotAsk("it cannot be installed")
        command = [str(python), "-m", "pip_audit", "--progress-spinner=off", "-f", "json", "-r", "requirements.txt"]
        return python_findings(_run(command, ROOT).stdout)


def audit_js() -> list[str]:
    """Audits what the panel's bundle is built with."""
    return js_findings(_run(["npm", "audit", "--json"], ROOT / "js").stdout)


def _run(command: list[str], directory: pathlib.Path) -> subprocess.CompletedProcess[str]:
    if shutil.which(command[0]) is None:
        raise CannotAsk(f"{command[0]} is not installed")
    try:
        return subprocess.run(
            command,
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotAsk(f"it took more than {SECONDS} s") from error


def main(audits: dict) -> int:
    """Runs them all; returns the status of the program."""
    status = 0
    for name, audit in audits.items():
        try:
            findings = audit()
        except CannotAsk as error:
            sys.stdout.write(
                f"{name}: nothing is known, since its database or the tool could not be reached ({error}).\n"
            )
            continue
        if findings:
            status = 1
        sys.stdout.write(f"{name}: {'; '.join(findings) or 'no advisories'}.\n")
    return status


if __name__ == "__main__":
    sys.exit(main({"govulncheck": audit_go, "pip-audit": audit_python, "npm audit": audit_js}))
