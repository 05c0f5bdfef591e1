"""Makes the pictures of README and docs from those that the browser tests take: smaller files, the same pixels."""

from __future__ import annotations

import pathlib
import sys

from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent

#: Which pictures of the tests are shown, and by which names.
SHOWN = {
    "table": "table",
    "table-evaluation": "table-evaluation",
    "form-log-view": "app-form",
    "panel-run": "app-run",
    "panel-compare": "app-artifact",
    "panel-rows": "app-rows",
    "panel-predictions": "app-predictions",
    "evaluations-compared": "app-evaluation",
}
COLOURS = 256
MOST_BYTES = 400_000


def main() -> int:
    taken = pathlib.Path(sys.argv[1])
    for source, name in SHOWN.items():
        target = ROOT / "assets" / f"{name}.png"
        with Image.open(taken / f"{source}.png") as picture:
            picture.convert("RGB").quantize(COLOURS, Image.Quantize.MEDIANCUT, kmeans=2).save(target, optimize=True)
        size = target.stat().st_size
        print(f"{target.relative_to(ROOT)}: {size:,} bytes")
        if size > MOST_BYTES:
            print("That is too large for a README", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
