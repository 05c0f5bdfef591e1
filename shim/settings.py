"""What this process knows of W&B's settings: arguments, FiftyOne's secrets, the active run.

The worker completes it from W&B's environment variables, settings files and netrc. The
result holds the key in clear, so it goes into the request to the worker and nowhere else.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

API_KEY = "FIFTYONE_WANDB_API_KEY"
ENTITY = "FIFTYONE_WANDB_ENTITY"
PROJECT = "FIFTYONE_WANDB_PROJECT"
URL = "FIFTYONE_WANDB_URL"

# Variables beside W&B's own that decide how its server is reached and who logs in.
# Programs read the proxies in both spellings.
_VARIABLES = {
    "NETRC",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
}

# How the package wandb names the modes in which nothing reaches a server.
_SILENT_MODES = ("offline", "disabled", "dryrun")


def collect(
    entity: str | None = None,
    project: str | None = None,
    run_id: str | None = None,
    secret: Callable[[str], str | None] | None = None,
    directory: str = "",
    offline: bool | None = False,
) -> dict[str, Any]:
    """Returns the wire contract's ``WandbSettings``, in a dict.

    Args:
        entity (None): the entity, if the caller named one
        project (None): the project, if the caller named one
        run_id (None): the run that is to be logged to
        secret (None): a function from the name of a FiftyOne secret to its value; by
            default, the environment is read
        directory (""): the caller's directory, for ``./wandb/settings``; empty where
            that file is not the caller's, such as in the App's server: then this process's
            program is not the caller's either
        offline (False): whether to write an offline run, whatever W&B's mode is
    """
    if secret is None:
        secret = os.environ.get

    environment = variables(os.environ)
    run = active_run()
    silent = run.pop("silent") if run else ""
    if run and run["run_id"] == run_id and silent:
        # W&B's server has never heard of this run: what is logged goes where the run itself does.
        environment["WANDB_MODE"] = silent

    settings = {
        "api_key": secret(API_KEY) or "",
        "base_url": secret(URL) or "",
        "entity": entity or secret(ENTITY) or "",
        "project": project or secret(PROJECT) or "",
        "environment": environment,
        "directory": directory,
        "home": str(Path.home()),
        "host": socket.gethostname(),
        "program": program() if directory else "",
        "offline": bool(offline),
        "offline_directory": offline_directory(),
    }
    if run:
        settings["active_run"] = run

    return settings


def offline_directory() -> str:
    """Where W&B's own client would put its directory ``wandb``."""
    return os.path.abspath(os.path.expanduser(os.environ.get("WANDB_DIR") or "."))


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Those of the given variables that concern W&B and the way to it."""
    return {name: value for name, value in environ.items() if name.startswith("WANDB_") or name.upper() in _VARIABLES}


def program() -> str:
    """The script or notebook that runs in this process, as W&B's own client names it, or ""."""
    if notebook := os.environ.get("WANDB_NOTEBOOK_NAME"):
        return notebook

    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    return f"-m {spec.name}" if spec else getattr(main, "__file__", None) or ""


def active_run() -> dict[str, Any] | None:
    """The run that is active in this Python process, or None.

    Never imports wandb: where nobody has, there is no active run.

    Returns:
        a dict of the wire contract's ``ActiveRun``, with a key ``silent``: W&B's mode if the run stays on this
        machine, else ""
    """
    run = active_run_object()
    if run is None:
        return None

    try:
        settings = run.settings
        mode = str(getattr(settings, "mode", ""))
        silent = mode if mode in _SILENT_MODES else ""
        return {
            "entity": str(run.entity or ""),
            "project": str(run.project or ""),
            "run_id": str(run.id or ""),
            "base_url": str(settings.base_url or ""),
            "silent": silent,
            "offline_directory": str(getattr(settings, "sync_dir", "") or "") if silent not in ("", "disabled") else "",
        }
    except Exception:
        # A half-made or finished run of another version of wandb: as if it were none.
        return None


def active_run_object() -> Any:
    """``wandb.run`` itself if wandb has been imported and a run is active, else None."""
    return getattr(sys.modules.get("wandb"), "run", None)


def update_active_config(run_id: str, values: dict[str, Any], replaced: Iterable[str] = ()) -> bool:
    """Adds keys to the config of this process's active run, through the run itself.

    Keys that the run has stay as they are, but for those in ``replaced``.

    Returns:
        whether the active run has the given id and took the values
    """
    run = _active(run_id)
    if run is None:
        return False

    new = {key: value for key, value in values.items() if key in replaced or key not in run.config}
    run.config.update(new, allow_val_change=True)
    return True


def show_in_active_run(run_id: str, numbers: dict[str, float], charts: Iterable[Any]) -> bool:
    """Adds numbers and custom charts to this process's active run, through the run itself.

    The run's step stays as it is: the charts join its next row, or its last one when it ends.

    Args:
        run_id: the run's id
        numbers: a dict of numbers for the summary, by their keys
        charts: messages of the wire contract's ``Chart``

    Returns:
        whether the active run has the given id and took the values
    """
    run = _active(run_id)
    if run is None:
        return False

    if charts:
        run.log({chart.key: _chart(chart) for chart in charts}, commit=False)

    run.summary.update(numbers)
    return True


def _active(run_id):
    run = active_run_object()
    return run if getattr(run, "id", None) == run_id else None


def _chart(chart):
    # The caller's own package: it is there, for the run is of it.
    wandb = sys.modules["wandb"]
    table = json.loads(chart.table_json)
    return wandb.plot_table(
        chart.spec,
        wandb.Table(columns=table["columns"], data=table["data"]),
        dict(chart.fields),
        dict(chart.strings),
    )
