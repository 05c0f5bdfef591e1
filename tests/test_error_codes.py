"""The codes of errors: constants in one Go file, listed in docs/errors.md, and known by whoever tells errors by them."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORKER = set(re.findall(r'^\t\w+ += "(\w+)"$', (ROOT / "goworker/internal/fault/codes.go").read_text("utf-8"), re.M))


def modules():
    return {path: ast.parse(path.read_text("utf-8")) for path in sorted((ROOT / "shim").rglob("*.py"))}


def raised():
    """The codes that the plugin's Python gives errors, where they are not handed on from the worker."""
    keywords = [
        node
        for tree in modules().values()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for node in call.keywords
        if node.arg == "code"
    ]
    return {node.value.value for node in keywords if isinstance(node.value, ast.Constant)} | {"error"}


def compared():
    """The codes that the plugin's Python compares with: constants, or sets of them with a name in the module."""
    found = set()
    for tree in modules().values():
        named = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare) and isinstance(node.left, ast.Attribute) and node.left.attr == "code":
                for other in node.comparators:
                    value = named.get(other.id, other) if isinstance(other, ast.Name) else other
                    found |= {leaf.value for leaf in ast.walk(value) if isinstance(leaf, ast.Constant)}

    return found


def listed():
    """The rows of docs/errors.md: a dict of codes to what they mean and what to do."""
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", (ROOT / "docs/errors.md").read_text("utf-8"), re.M)
    assert len({code for code, _, _ in rows}) == len(rows), "a code is listed twice"
    return {code: (meaning, remedy) for code, meaning, remedy in rows}


def test_every_code_is_listed_with_what_it_means_and_what_to_do():
    assert WORKER
    assert set(listed()) == WORKER | raised()
    for meaning, remedy in listed().values():
        assert meaning.endswith(".") and remedy.endswith(".")


def test_python_knows_the_codes_that_it_tells_errors_by():
    assert {"no_key", "bad_key"} <= compared()
    assert compared() <= WORKER | raised()


def test_the_panel_knows_the_codes_that_it_tells_errors_by():
    sources = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "js/src").rglob("*.ts*")))
    told = set(re.findall(r'\bcode [!=]== "(\w+)"', sources))
    for codes in re.findall(r"^const NO_\w+ = new Set\(\[(.*?)\]\)", sources, re.M | re.S):
        told |= set(re.findall(r'"(\w+)"', codes))

    assert {"no_key", "unreachable", "unknown_project"} <= told
    assert told <= WORKER | raised()
