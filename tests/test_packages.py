"""The worker's packages: each has its sentence in docs/architecture.md and its place in the import rules."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {path.parent.name for path in (ROOT / "goworker/internal").glob("*/*.go")}
NESTED = {path.parent.name for path in (ROOT / "goworker/internal").glob("*/*/*.go")}


def test_the_picture_names_every_package():
    section = (ROOT / "docs/architecture.md").read_text("utf-8").split("## The worker's packages")[1].split("\n## ")[0]
    picture = section.split("```")[1]
    assert len(PACKAGES) > 20
    assert PACKAGES - set(re.findall(r"\w+", picture)) == set()
    drawn = set(re.findall(r"[├└] (\w+)", picture))
    assert drawn - PACKAGES - NESTED == set(), "a package that is gone is still in the picture"


def test_the_import_rules_name_every_package():
    rules = json.loads((ROOT / ".depguard.json").read_text("utf-8"))
    files = [pattern for rule in rules.values() for pattern in rule["files"] if not pattern.startswith("!")]
    named = {name for pattern in files for name in re.findall(r"internal/(\w+)/", pattern)}
    assert PACKAGES - named == set()
    pixels = {name for pattern in rules["pixels"]["files"] for name in re.findall(r"internal/(\w+)/", pattern)}
    assert {"jpegscale", "overlay", "picture", "pillow", "poster", "thumb", "thumbcache", "tiff"} <= pixels
    assert any(path.endswith("internal/wandb") for path in rules["pixels"]["deny"])
