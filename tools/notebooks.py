"""Writes the notebooks of docs/tutorials from their Markdown. `make docs` runs it.

Each block of Python becomes a cell, and the block of text after it the cell's output.

python tools/notebooks.py            writes the files
python tools/notebooks.py --check    fails if one is not current
"""

from __future__ import annotations

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "tutorials"

_BLOCK = re.compile(r"^```(python|text)\n(.*?)^```\n", re.DOTALL | re.MULTILINE)


def notebook(markdown: str) -> str:
    """The text of the notebook that a Markdown file makes."""
    cells: list[dict] = []
    end = 0
    for block in _BLOCK.finditer(markdown):
        _add_prose(cells, markdown[end : block.start()])
        end = block.end()
        if block[1] == "python":
            cells.append(_code(block[2]))
        else:
            cells[-1]["outputs"].append({"name": "stdout", "output_type": "stream", "text": _lines(block[2])})

    _add_prose(cells, markdown[end:])
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"

    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _add_prose(cells: list[dict], text: str) -> None:
    if text.strip():
        cells.append({"cell_type": "markdown", "metadata": {}, "source": _lines(text.strip())})


def _code(text: str) -> dict:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": _lines(text.rstrip("\n")),
    }


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def main() -> int:
    for source in sorted(FOLDER.glob("*.md")):
        target = source.with_suffix(".ipynb")
        made = notebook(source.read_text("utf-8"))
        if "--check" not in sys.argv[1:]:
            target.write_text(made, "utf-8")
            print(f"wrote {target.relative_to(ROOT)}")
        elif not target.is_file() or target.read_text("utf-8") != made:
            print(f"{target.relative_to(ROOT)} is not what {source.name} gives: run `make docs`", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
