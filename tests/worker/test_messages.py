"""Message classes at run time, and what is said when a Python package is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shim.worker import messages as pb

ROOT = Path(__file__).resolve().parents[2]


def test_messages_travel_as_they_are() -> None:
    request = pb.RunRequest(
        job_id="j",
        wandb=pb.WandbSettings(environment={"A": "ü"}),
        log_view=pb.LogView(view=pb.View(pipeline=b"\0\1", row_kind=pb.ROW_KIND_PATCH), labels=[pb.Field(path="a.b")]),
    )
    copy = pb.RunRequest.FromString(request.SerializeToString())
    assert copy == request
    assert copy.WhichOneof("job") == "log_view"
    assert copy.log_view.view.pipeline == b"\0\1"
    assert copy.log_view.view.row_kind == pb.ROW_KIND_PATCH == 2


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="Nonsense"):
        _ = pb.Nonsense
    with pytest.raises(ValueError, match="nonsense"):
        pb.RunRequest(nonsense=1)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("SOURCE_SETTINGS", "settings"),
        ("SOURCE_FIFTYONE", "fiftyone"),
        ("SOURCE_WANDB", "wandb"),
        ("SOURCE_MEDIA", "media"),
        ("SOURCE_PLUGIN", "plugin"),
    ],
)
def test_sources_have_words(value: str, name: str) -> None:
    assert pb.source_name(getattr(pb, value)) == name


def test_a_source_of_a_later_version_is_the_plugins() -> None:
    assert pb.source_name(99) == "plugin"


@pytest.mark.parametrize("package", ["grpc", "google.protobuf", "cryptography"])
def test_a_missing_package_is_named_with_the_line_to_run(package: str) -> None:
    text = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from shim.worker import MissingRequirement, Worker\n"
        "try:\n    Worker()\nexcept MissingRequirement as error:\n    print(error)"
    )
    shown = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    distribution = {"grpc": "grpcio", "google.protobuf": "protobuf"}.get(package, package)
    assert f"needs the Python package {distribution}," in shown
    assert f'"{sys.executable}" -m pip install -r "{ROOT / "requirements.txt"}"' in shown


def test_the_package_is_imported_without_any_requirement() -> None:
    text = "import sys, shim.worker; print([m for m in ('grpc', 'google', 'cryptography', 'fiftyone') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shown == "[]\n"
