"""Makes kinds.bson.gz for TestRowsOfFiftyOnesViewsByTheirIDs: the pipelines of 105 kinds of FiftyOne's views, and the documents they run on.

The views are those of the file view_kinds.py of the shared examples: `python make_kinds.py .../examples/scale-out`. Needs FiftyOne; it makes datasets
whose names begin with "parity_" and deletes them.
"""

import gzip
import os
import sys
from pathlib import Path

import bson

HERE = Path(__file__).resolve().parent
INDEXES = ("2dsphere",)


def main():
    os.chdir(sys.argv[1])
    scope = {}
    exec(Path("view_kinds.py").read_text("utf-8").split("\ndb = pymongo.MongoClient(")[0], scope)
    import fiftyone as fo
    from fiftyone.core import odm

    kinds, views = [], []
    for name, make in scope["cases"]:
        view = make()
        views.append(view)  # a dataset that was generated for a view lasts as long as the view
        pipeline = view._pipeline(detach_frames=True, detach_groups=True)
        kinds.append({"name": name, "collection": view._dataset._sample_collection_name, "pipeline": pipeline})
    names = {kind["collection"] for kind in kinds} | {name for kind in kinds for name in looked_up(kind["pipeline"])}
    db = odm.get_db_conn()
    out = {"kinds": kinds, "collections": []}
    for name in sorted(names):
        keys = [key for index in db[name].index_information().values() for key, kind in index["key"] if kind in INDEXES]
        out["collections"].append({"name": name, "geo": keys, "documents": list(db[name].find(batch_size=1000))})
    for name in ("images", "videos", "groups"):
        fo.delete_dataset(scope["K"].P + name)
    (HERE / "kinds.bson.gz").write_bytes(gzip.compress(bson.encode(out), mtime=0))


def looked_up(value):
    """The collections that a pipeline reads beside its own."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key in ("from", "coll") and isinstance(one, str):
                yield one
            yield from looked_up(one)
    elif isinstance(value, list):
        for one in value:
            yield from looked_up(one)


if __name__ == "__main__":
    main()
