"""The documents: what is generated is current, links lead somewhere, and the README stays short."""

import re
import subprocess
import urllib.parse
from pathlib import Path

import notebooks
import operator_docs
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def documents():
    """The Markdown files of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 0:
        return sorted(path for path in map(Path, listed.stdout.splitlines()) if (ROOT / path).is_file())

    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(path.relative_to(ROOT) for path in found)


def without_code(text):
    return re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(path):
    """The names that GitHub gives the headings of a document."""
    headings = re.findall(r"^#+ (.*)$", without_code(path.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", documents(), ids=str)
def test_links_and_pictures_exist(document):
    path = ROOT / document
    missing = []
    for link in LINK.findall(without_code(path.read_text("utf-8"))):
        if re.match(r"(https?|mailto):", link):
            continue

        name, _, anchor = urllib.parse.unquote(link).partition("#")
        target = path.parent / name if name else path
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            missing.append(link)

    assert missing == []


def test_broken_links_are_found(tmp_path):
    document = tmp_path / "a.md"
    document.write_text("# A heading, with `code`\n```\n# no heading\n[no](link)\n```\n[there](b.md#x) ![gone](c.png)")
    assert anchors(document) == {"a-heading-with-code"}
    assert LINK.findall(without_code(document.read_text())) == ["b.md#x", "c.png"]


def test_the_readme_is_short():
    assert len(README.splitlines()) < 200


def test_the_readme_names_every_operator():
    manifest = yaml.safe_load((ROOT / "fiftyone.yml").read_text("utf-8"))
    linked = re.findall(r"docs/operators\.md#(\w+)", README)
    assert sorted(linked) == sorted(manifest["operators"])


def test_every_document_can_be_found_from_the_readme():
    named = {Path(document).name for document in documents() if document.parts[0] == "docs"}
    reachable = " ".join((ROOT / document).read_text("utf-8") for document in documents())
    assert [name for name in sorted(named) if f"{name})" not in reachable and f"{name}#" not in reachable] == []


def test_the_reference_is_what_the_docstrings_say():
    assert operator_docs.FILE.read_text("utf-8") == operator_docs.page(), "run `make docs`"


@pytest.mark.parametrize("source", sorted(notebooks.FOLDER.glob("*.md")), ids=lambda path: path.stem)
def test_the_notebooks_are_the_tutorials(source):
    made = notebooks.notebook(source.read_text("utf-8"))
    assert source.with_suffix(".ipynb").read_text("utf-8") == made, "run `make docs`"
