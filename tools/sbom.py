"""What a release is made of, as a CycloneDX bill of materials (https://cyclonedx.org/docs/1.6/json/)."""

from __future__ import annotations

import pathlib
import re
import uuid
import zlib
from urllib.parse import quote

import notice

ROOT = pathlib.Path(__file__).resolve().parent.parent

#: Sentences that only one licence has, and its identifier of SPDX.
LICENCES = (
    ("Apache License", "Apache-2.0"),
    ("Mozilla Public License", "MPL-2.0"),
    ("Neither the name of", "BSD-3-Clause"),
    ("Redistribution and use in source and binary forms", "BSD-2-Clause"),
    ("Permission is hereby granted, free of charge", "MIT"),
)


def licence(directory: pathlib.Path) -> list[dict[str, object]]:
    """The licences that a module's texts are of."""
    found = set()
    for text in notice.texts(directory):
        flat = re.sub(r"\s+", " ", text)
        found |= {next((spdx for sentence, spdx in LICENCES if sentence in flat), "")}
    return [{"license": {"id": spdx}} for spdx in sorted(found - {""})]


def requirements() -> list[dict[str, object]]:
    """What pip installs beside the plugin. It is not part of a release, and its versions are ranges."""
    found = []
    for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines():
        if match := re.match(r"([A-Za-z0-9_.-]+)(.*)", line):
            name, limits = match.groups()
            one = {"type": "library", "name": name, "purl": f"pkg:pypi/{name}", "scope": "optional"}
            found.append({**one, "bom-ref": f"pkg:pypi/{name}", "properties": [{"name": "range", "value": limits}]})
    return found


def bill(version: str, go: str, source: str) -> dict[str, object]:
    """The bill of a release: the Go modules in the worker, Go itself, and what pip adds.

    Args:
        version: the plugin's
        go: the Go that built it, such as "go1.26.8"
        source: the hash of the worker's sources; the bill's serial number is made of it
    """
    components = []
    standard = f"pkg:golang/stdlib@{go.removeprefix('go')}"
    parts = [{"type": "library", "name": "stdlib", "version": go.removeprefix("go"), "purl": standard}]
    parts[0] |= {"bom-ref": standard, "licenses": [{"license": {"id": "BSD-3-Clause"}}]}
    for path, (release, directory) in sorted(notice.modules().items()):
        purl = f"pkg:golang/{quote(path)}@{release}"
        one = {"type": "library", "bom-ref": purl, "name": path, "version": release, "purl": purl}
        components.append({**one, "licenses": licence(directory)})
    components = [*parts, *components, *requirements()]
    own = "fiftyone-wandb-plugin"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{version} {go} {source}')}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": own,
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "properties": [{"name": "sources", "value": source}],
            },
            "properties": [{"name": "go", "value": go}, {"name": "zlib", "value": zlib.ZLIB_RUNTIME_VERSION}],
        },
        "components": components,
        "dependencies": [{"ref": own, "dependsOn": sorted(str(one["bom-ref"]) for one in components)}],
    }
