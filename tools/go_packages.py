"""Lists the Go packages whose tests want the race detector (``concurrent``), or do not (``sequential``).

A package is concurrent if its code or its tests start goroutines or use locks. The race detector would find nothing in
the others, the decoders above all, and would take five times as long.
"""

import re
import sys
from pathlib import Path

_SIGNS = re.compile(r'^\s*go (func\b|[\w.]+\()|"sync|errgroup|t\.Parallel\(|b\.RunParallel\(', re.M)
_SOURCES = Path(__file__).resolve().parent.parent / "goworker"


def packages(kind):
    """The folders of one kind that have tests, as arguments for ``go test``."""
    found = {}
    for file in sorted(_SOURCES.rglob("*.go")):
        package = found.setdefault(file.parent, {"tested": False, "concurrent": False})
        package["tested"] |= file.name.endswith("_test.go")
        package["concurrent"] |= bool(_SIGNS.search(file.read_text("utf-8")))

    wanted = kind == "concurrent"
    root = _SOURCES.parent
    return [
        f"./{p.relative_to(root).as_posix()}" for p, of in found.items() if of["tested"] and of["concurrent"] == wanted
    ]


if __name__ == "__main__":
    print(" ".join(packages(sys.argv[1])))
