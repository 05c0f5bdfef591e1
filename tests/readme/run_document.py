"""Runs the Python of a Markdown file or notebook, block by block, and compares what it prints with what is shown.

python run_document.py FILE
"""

import contextlib
import io
import json
import re
import sys
import types
from pathlib import Path

import fiftyone as fo

_BLOCK = re.compile(r"^( *)```(python|text)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


def blocks(path):
    """The file's blocks of code: (line, code, what it prints or None)."""
    return _of_notebook(path) if path.suffix == ".ipynb" else _of_markdown(path.read_text("utf-8"))


def _of_markdown(text):
    found = []
    for block in _BLOCK.finditer(text):
        line = text.count("\n", 0, block.start()) + 2
        if block[2] == "python":
            found.append([line, block[3], None])
        else:
            found[-1][2] = block[3]

    return found


def _of_notebook(path):
    cells = [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
    printed = ["".join("".join(output["text"]) for output in cell["outputs"]) or None for cell in cells]
    return [[k, "".join(cell["source"]), text] for k, (cell, text) in enumerate(zip(cells, printed), start=1)]


def run(path):
    """Runs a file's blocks in one namespace.

    Raises:
        AssertionError: if a block prints something else than the file shows
    """
    namespace = {"__name__": "__main__"}
    for line, code, shown in blocks(path):
        out = io.StringIO()
        # So that errors name the line in the file.
        program = compile("\n" * (line - 1) + code, str(path), "exec")
        with contextlib.redirect_stdout(out):
            exec(program, namespace)

        if shown is not None:
            assert out.getvalue() == shown, f"{path}:{line} printed\n{out.getvalue()}instead of\n{shown}"


if __name__ == "__main__":
    fo.launch_app = lambda view: types.SimpleNamespace(view=view)
    run(Path(sys.argv[1]))
