"""A picture that is in no dataset goes up with no view that an artifact gave, whichever path the artifact names it by."""

import base64
import hashlib
from pathlib import Path

import cv2
import fiftyone as fo
import numpy as np
import pytest
from fiftyone.utils.utils3d import OrthographicProjectionMetadata

from shim import query

pytestmark = pytest.mark.usefixtures("fiftyone")

MODES = ("thumbnail", "original")


@pytest.fixture
def picture(tmp_path):
    def write(name, value, size=(300, 200)):
        array = np.full((size[1], size[0], 3)[: np.ndim(value) + 2], value, np.uint8)
        # The left half is black: masks have a form.
        array[:, : size[0] // 2] = 0
        cv2.imwrite(str(tmp_path / name), array)
        return str(tmp_path / name)

    return write


@pytest.fixture
def secret(picture):
    """A picture, and what it looks like where a mask or a heatmap is expected: its pixels differ from all others."""
    return {"picture": picture("secret.png", (201, 7, 133)), "map": picture("secret-map.png", 173)}


def images(dataset, picture):
    # Known to be larger than a thumbnail, for which the field of the App is then read.
    path = picture("a.png", (40, 90, 60), (900, 600))
    projected = OrthographicProjectionMetadata(filepath=picture("projection.png", (9, 60, 9)))
    sample = fo.Sample(
        filepath=path,
        metadata=fo.ImageMetadata(width=900, height=600),
        thumb=picture("thumb.png", (10, 20, 30)),
        note="a note",
        scene="s",
        order=1,
        masked=fo.Segmentation(mask_path=picture("mask.png", 1)),
        heat=fo.Heatmap(map_path=picture("heat.png", 20)),
        things=fo.Detections(
            detections=[fo.Detection(label="a", bounding_box=[0, 0, 1, 1], mask_path=picture("box.png", 255, (3, 2)))]
        ),
        projected=projected,
    )
    made = dataset([sample])
    made.app_config.media_fields = ["filepath", "thumb"]
    made.app_config.grid_media_field = "thumb"
    made.save()
    return made


def slices(dataset, picture):
    group = fo.Group()
    return dataset(
        [
            fo.Sample(filepath=picture(f"{name}.png", (30, 40, n)), group=group.element(name), note="x")
            for n, name in enumerate(("left", "right"))
        ]
    )


def frames(dataset, picture):
    sample = fo.Sample(
        filepath=picture("a.png", (1, 2, 3)).replace("a.png", "a.avi"),
        metadata=fo.VideoMetadata(total_frame_count=2, frame_rate=1, frame_width=24, frame_height=16),
    )
    for number in (1, 2):
        box = fo.Detection(label="a", bounding_box=[0, 0, 0.5, 1])
        sample.frames[number] = fo.Frame(
            filepath=picture(f"frame{number}.png", (number, 2, 3)), things=fo.Detections(detections=[box])
        )

    return dataset([sample])


def clouds(dataset, picture):
    """Point clouds, which are shown by a picture of them that a document of the sample names."""
    cloud = picture("a.png", 1).replace("a.png", "a.pcd")
    Path(cloud).write_text("a point cloud")
    projected = OrthographicProjectionMetadata(
        filepath=picture("projection.png", (9, 60, 9)), min_bound=(0, 0), max_bound=(4, 3), width=300, height=200
    )
    return dataset([fo.Sample(filepath=cloud, projected=projected, note="x")])


def scenes(dataset, picture):
    """The same for scenes in 3D, as a slice of groups."""
    scene = picture("a.png", 1).replace("a.png", "a.fo3d")
    Path(scene).write_text("{}")
    group = fo.Group()
    projected = OrthographicProjectionMetadata(filepath=picture("projection.png", (9, 60, 9)))
    flat = fo.Sample(filepath=picture("flat.png", (30, 40, 50)), group=group.element("flat"), note="x")
    return dataset([flat, fo.Sample(filepath=scene, projected=projected, group=group.element("deep"), note="x")])


def _set(field):
    return lambda view, secret: view.mongo([{"$set": {field: secret}}])


def _frames(view):
    return view.to_frames(sample_frames=False)


def _of_the_boxes(view, secret):
    changed = {"$map": {"input": "$things.detections", "in": {"$mergeObjects": ["$$this", {"mask_path": secret}]}}}
    return view.mongo([{"$set": {"things.detections": changed}}])


def _in_groups(view, secret):
    inner = fo.Mongo([{"$set": {"masked": {"$mergeObjects": ["$masked", {"mask_path": secret}]}}}])
    return view.group_by("scene", order_by="order").flatten(inner)


def _later(view, secret):
    """What it writes depends on when it is read: at first nothing of note."""
    value = {"$cond": [{"$lt": [{"$rand": {}}, 2]}, {"$mergeObjects": ["$masked", {"mask_path": secret}]}, None]}
    return view.group_by("scene", order_by="order").flatten(fo.Mongo([{"$set": {"masked": value}}]))


# Of each path: a dataset, a view that shows the secret by it, the kind of file.
WAYS = {
    "filepath": (images, _set("filepath"), "picture"),
    "a field of the App": (images, _set("thumb"), "picture"),
    "mask": (images, _set("masked.mask_path"), "map"),
    "masks of boxes": (images, _of_the_boxes, "map"),
    "heatmap": (images, _set("heat.map_path"), "map"),
    "in groups": (images, _in_groups, "map"),
    "later": (images, _later, "map"),
    "patches": (images, lambda v, s: _set("filepath")(v.to_patches("things"), s), "picture"),
    "slice": (slices, _set("filepath"), "picture"),
    "slices": (slices, lambda v, s: _set("filepath")(v.select_group_slices(["left", "right"]), s), "picture"),
    "frames": (frames, lambda v, s: _set("filepath")(_frames(v), s), "picture"),
    "patches of frames": (frames, lambda v, s: _set("filepath")(_frames(v).to_patches("things"), s), "picture"),
    "clips": (frames, lambda v, s: _set("filepath")(v.to_clips([[(1, 2)]]), s), "picture"),
    "videos": (frames, _set("filepath"), "picture"),
    "projection": (clouds, _set("projected.filepath"), "picture"),
    "point cloud": (clouds, _set("filepath"), "picture"),
    "projection of a slice": (
        scenes,
        lambda v, s: _set("projected.filepath")(v.select_group_slices(["deep"]), s),
        "picture",
    ),
}


def media(server, result):
    """The digests of the pictures and masks that went up with a table."""
    return {f["digest"] for path, f in server.artifact(result)["files"].items() if path.startswith("media/")}


@pytest.mark.parametrize("way", WAYS)
def test_secret_pictures(dataset, picture, secret, log_view, operator, server, way):
    make, show, kind = WAYS[way]
    honest = make(dataset, picture)
    hostile = show(query.as_view(honest), secret[kind])
    known = {mode: media(server, log_view(honest, include_labels=True, image_mode=mode)) for mode in MODES}
    # What went up if the view were believed: without this, the test could not fail.
    shown = set()
    for mode in MODES:
        shown |= media(server, log_view(hostile, include_labels=True, image_mode=mode)) - known[mode]

    assert shown
    artifact = log_view(hostile, include_images=False)
    load = operator("load_view_from_wandb")
    name = f"{artifact['artifact_name']}:{artifact['artifact_version']}"

    with pytest.raises(RuntimeError) as caught:
        load(honest, artifact["project"], name)

    assert caught.value.code == "untrusted_stages"
    again = load(honest, artifact["project"], name, by_ids=True)
    raw = {base64.b64encode(hashlib.md5(Path(path).read_bytes()).digest()).decode() for path in secret.values()}
    for mode in MODES:
        uploaded = media(server, log_view(again, include_labels=True, image_mode=mode))
        assert uploaded.isdisjoint(shown)
        assert uploaded.isdisjoint(raw)
        assert uploaded <= known[mode] or kind == "picture"
