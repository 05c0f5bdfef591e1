"""What W&B's offline mode needs of Python: the line that uploads, and artifacts of a run that is active here."""

from __future__ import annotations

import base64
import glob
import json
import os
import shlex
from collections.abc import Iterable
from typing import Any

from . import settings

#: What the worker writes into a directory: a description, and a line for each file.
_SPEC = "fiftyone-artifact.jsonl"

# How many bytes of a description are read for a list: its first line holds the artifact's metadata.
_LONGEST_LINE = 4 << 20

# The most directories of a list.
_MOST = 100


def sync_command(directory: str) -> str:
    """The line that uploads the directory of an offline run.

    It changes to the directory that holds ``wandb``: from there it works on any machine that the whole was copied to.
    """
    parent, name = os.path.split(directory)
    above, folder = os.path.split(parent)
    return f"cd {shlex.quote(above)} && wandb sync {shlex.quote(os.path.join(folder, name))}"


def waiting(known: Iterable[str] = ()) -> list[dict[str, Any]]:
    """The offline runs that this plugin has written and that were not uploaded yet, the newest first.

    Args:
        known (()): directories that jobs have written, which may be beside others of the same caller

    Returns:
        a list of dicts with ``directory``, ``name``, ``artifact``, ``type``, ``entity``, ``project``, ``rows`` and
        ``written`` (seconds since 1970)
    """
    above = settings.offline_directory()
    roots = {os.path.join(above, "wandb"), os.path.join(above, ".wandb"), *map(os.path.dirname, known)}
    pattern = os.path.join("offline-run-*", _SPEC)
    found = {os.path.dirname(path) for root in roots for path in glob.glob(os.path.join(glob.escape(root), pattern))}
    described = [_described(directory) for directory in found if not _is_synced(directory)]
    return sorted((one for one in described if one), key=lambda one: one["written"], reverse=True)[:_MOST]


def _is_synced(directory):
    return bool(glob.glob(os.path.join(glob.escape(directory), "run-*.wandb.synced")))


def _described(directory):
    path = os.path.join(directory, _SPEC)
    try:
        written = os.path.getmtime(path)
        with open(path, "rb") as file:
            described = json.loads(file.readline(_LONGEST_LINE))
    except (OSError, ValueError):
        # It goes just now, or its description is very long: it can be uploaded by its path all the same.
        described = {}
        written = 0.0

    described = described if isinstance(described, dict) else {}
    run, artifact = (
        described.get(name) if isinstance(described.get(name), dict) else {} for name in ("run", "artifact")
    )
    rows = described.get("rows")
    return {
        "directory": directory,
        "name": os.path.basename(directory),
        "artifact": str(artifact.get("name") or ""),
        "type": str(artifact.get("type") or ""),
        "entity": str(run.get("entity") or ""),
        "project": str(run.get("project") or ""),
        "rows": rows if isinstance(rows, int) else None,
        "written": written,
    }


def log_to_active_run(run_id: str, directory: str) -> None:
    """Gives an artifact to the offline run that is active in this process, which W&B's own client writes.

    Args:
        run_id: the run's id
        directory: what the worker has written

    Raises:
        RuntimeError: if the run is not active here any more
    """
    import wandb

    run = settings.active_run_object()
    if run is None or run.id != run_id:
        raise RuntimeError(f"the run {run_id} is not active here any more")

    with open(os.path.join(directory, _SPEC), encoding="utf-8") as lines:
        described = json.loads(next(lines))["artifact"]
        artifact = wandb.Artifact(
            described["name"],
            type=described["type"],
            description=described["description"] or None,
            metadata=described["metadata"],
        )
        for line in lines:
            _add(artifact, json.loads(line), directory)

    # W&B has "latest" by itself.
    aliases = [alias for alias in described["aliases"] if alias != "latest"]
    run.log_artifact(artifact, aliases=["latest", *aliases], tags=described.get("tags") or None)


def _add(artifact: Any, entry: dict[str, Any], directory: str) -> None:
    if ref := entry.get("ref"):
        # The digest of a reference is its address, but for local files.
        artifact.add_reference(ref, name=entry["path"], checksum=entry["digest"] != ref)
        return

    name = _hex(entry["digest"])
    path = os.path.join(directory, "artifact", name[:2], name)
    # It stays where it is: nobody changes it, and W&B's own client would copy it.
    artifact.add_file(path, name=entry["path"], policy="immutable", skip_cache=True)


def _hex(digest: str) -> str:
    return base64.b64decode(digest).hex()
