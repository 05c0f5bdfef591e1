"""Looks for published advisories about what the plugin depends on: govulncheck, pip-audit, npm audit.

Each asks a database of its own. One that cannot be asked is named in a sentence, after CONNECT_SECONDS if
nothing answers there. The exit status is

0: all were asked, and there are no advisories
1: there are advisories
3: there are none in the databases that could be asked, and at least one could not
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOVULNCHECK = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"
GO_DATABASE = "https://vuln.go.dev"
PYTHON_DATABASE = "https://pypi.org"

FOUND, UNKNOWN = 1, 3

#: How long a tool may take that can reach its database: the first time, govulncheck is built.
SECONDS = 600
#: How long a database may take to answer at all, with the look-up of its name.
CONNECT_SECONDS = 20

# In a process of its own, since nothing else bounds the look-up of a name. It minds proxies and certificates as the tools do.
_CONNECT = """
import sys, urllib.error, urllib.request
try:
    urllib.request.urlopen(sys.argv[1], timeout=15).close()
except urllib.error.HTTPError as error:
    sys.exit(f"it answered with status {error.code}")
except Exception as error:
    sys.exit(str(getattr(error, "reason", error)))
"""


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
        answer = json.loads(output)
        found = answer.get("vulnerabilities")
    except (ValueError, AttributeError) as error:
        raise CannotAsk("its answer cannot be read") from error
    if not isinstance(found, dict):
        raise CannotAsk(str(answer.get("message") or "its answer cannot be read"))
    return sorted(f"{name} ({one['severity']})" for name, one in found.items())


def audit_go() -> list[str]:
    """Audits the worker."""
    connect(f"{GO_DATABASE}/index/db.json")
    done = run(["go", "run", GOVULNCHECK, "-db", GO_DATABASE, "-format", "json", "./goworker/..."], ROOT)
    return go_findings(done.stdout, done.returncode)


def audit_python() -> list[str]:
    """Audits the newest packages that requirements.txt allows."""
    connect(f"{PYTHON_DATABASE}/pypi/pip-audit/json")
    with tempfile.TemporaryDirectory() as directory:
        venv.create(directory, with_pip=True)
        python = next(pathlib.Path(directory).glob("[bS]*/python*"))
        if run([str(python), "-m", "pip", "install", "-q", "--retries", "1", "pip-audit"], ROOT).returncode:
            raise CannotAsk("it cannot be installed")
        command = [str(python), "-m", "pip_audit", "--progress-spinner=off", "-f", "json", "-r", "requirements.txt"]
        return python_findings(run(command, ROOT).stdout)


def audit_js() -> list[str]:
    """Audits what the panel's bundle is built with."""
    patience = ["--fetch-retries=0", f"--fetch-timeout={CONNECT_SECONDS * 1000}"]
    return js_findings(run(["npm", "audit", "--json", *patience], ROOT / "js").stdout)


def connect(address: str) -> None:
    """Asks for an address, and drops the answer.

    Raises:
        CannotAsk: if there is no answer within CONNECT_SECONDS, or it is a refusal
    """
    host = address.split("/")[2]
    done = run([sys.executable, "-c", _CONNECT, address], ROOT, CONNECT_SECONDS)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        raise CannotAsk(f"{host}: {reason}")


def run(command: list[str], directory: pathlib.Path, seconds: float = SECONDS) -> subprocess.CompletedProcess[str]:
    """Runs a tool, and ends it with all that it has started when its time is over.

    Raises:
        CannotAsk: if it is not installed, or takes longer
    """
    if shutil.which(command[0]) is None:
        raise CannotAsk(f"{command[0]} is not installed")
    with subprocess.Popen(
        command,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise CannotAsk(f"no answer within {seconds:g} s") from None
        finally:
            # `go run` and npm start others, which would keep the pipes open.
            if os.name == "posix":
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def main(audits: dict) -> int:
    """Runs them all; returns the status of the program."""
    found = unknown = False
    for name, audit in audits.items():
        try:
            findings = audit()
        except CannotAsk as error:
            unknown = True
            said = f"nothing is known, since its database or the tool could not be reached ({error})"
        else:
            found = found or bool(findings)
            said = "; ".join(findings) or "no advisories"
        sys.stdout.write(f"{name}: {said}.\n")
        sys.stdout.flush()
    return FOUND if found else UNKNOWN if unknown else 0


if __name__ == "__main__":
    sys.exit(main({"govulncheck": audit_go, "pip-audit": audit_python, "npm audit": audit_js}))
