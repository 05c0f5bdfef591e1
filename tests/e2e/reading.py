"""Reading back with the official wandb package."""

import io
import json
import tempfile

import numpy as np

from support.official import wandb


class Reader:
    """Reads the artifacts of one project.

    Args:
        server: the stand-in
        project: the project
    """

    def __init__(self, server, project):
        self._server, self._project = server, project
        self.api = wandb.Api(overrides={"base_url": server.url, "entity": server.entity, "project": project})

    def artifact(self, result):
        """The artifact that an operator's result names."""
        name = f"{result['artifact_name']}:{result['artifact_version']}"
        return self.api.artifact(f"{result['entity']}/{result['project']}/{name}")

    def run(self, result):
        """The run that an operator's result names."""
        return self.api.run(f"{result['entity']}/{result['project']}/{result['run_id']}")

    def rows(self, result, key):
        """The rows of a table as dicts, whose order is that of the columns."""
        return rows(self.artifact(result).get(key))

    def file(self, result, path):
        """The bytes of a file of an artifact."""
        return file(self.artifact(result), path)


def words(row):
    """A row without its picture and the picture's size."""
    return {name: cell for name, cell in row.items() if name not in ("image", "width", "height")}


def rows(table):
    """A table's rows as dicts, whose order is that of the columns."""
    return [dict(zip(table.columns, row, strict=True)) for row in table.data]


def file(artifact, path):
    """The bytes of a file of an artifact."""
    with open(artifact.get_entry(path).download(), "rb") as f:
        return f.read()


def lines(artifact, path):
    """The lines of a text file of an artifact."""
    return file(artifact, path).decode().splitlines()


def npz(artifact, path):
    """The arrays of an archive of numpy's."""
    with np.load(io.BytesIO(file(artifact, path))) as stored:
        return {name: stored[name] for name in stored.files}


def charts_of(run, prefix="eval"):
    """The charts of a run, each with its table as the official package reads it."""
    found = {}
    for key, panel in run.rawconfig["_wandb"].get("visualize", {}).items():
        (query,) = panel["panel_config"]["userQuery"]["queryFields"]
        (argument,) = query["fields"][-1]["args"]
        assert (argument["name"], argument["value"]) == ("tableKey", f"{key}_table")
        value = dict(run.summary[f"{key}_table"])
        assert value["_type"] == "table-file"
        with tempfile.TemporaryDirectory() as directory, run.file(value["path"]).download(directory) as table:
            found[key.removeprefix(f"{prefix}_charts/")] = json.load(table)

    return found
