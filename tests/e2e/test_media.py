"""Pictures of what is not a picture file: videos, their frames and clips, patches, groups, point clouds."""

import json
import os
import subprocess
import sys

import cv2
import fiftyone as fo
import imageio_ffmpeg
import numpy as np
import PIL.Image
import pytest
from fiftyone.utils.utils3d import OrthographicProjectionMetadata

from tests.e2e.reading import file

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()

COLOURS = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30), (200, 30, 200), (30, 200, 200)]


def colour(image):
    """The mean colour of a picture."""
    return np.asarray(PIL.Image.open(image._path).convert("RGB")).reshape(-1, 3).mean(0)


def like(image, wanted, tolerance=25):
    return np.abs(colour(image) - wanted).max() < tolerance


@pytest.fixture
def quarters(tmp_path):
    """A picture of four quarters in four colours."""
    picture = np.zeros((200, 320, 3), np.uint8)
    picture[:100, :160], picture[:100, 160:] = COLOURS[0], COLOURS[1]
    picture[100:, :160], picture[100:, 160:] = COLOURS[2], COLOURS[3]
    path = tmp_path / "quarters.png"
    cv2.imwrite(str(path), picture[..., ::-1])
    return path


def plain(path, rgb, size=(64, 48)):
    cv2.imwrite(str(path), np.full((size[1], size[0], 3), rgb, np.uint8)[..., ::-1])
    return path


@pytest.fixture
def video(tmp_path):
    """A video of 30 frames, five of each colour."""
    path = tmp_path / "-a video:1#.avi"  # a name that tempts a command line
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for i in range(30):
        writer.write(np.full((48, 64, 3), COLOURS[i // 5], np.uint8)[..., ::-1].copy())
    writer.release()
    return path


BOXES = [[0.1, 0.1, 0.2, 0.2], [0.6, 0.1, 0.2, 0.2], [0.1, 0.6, 0.2, 0.2], [0.6, 0.6, 0.9, 0.9]]


def test_patches_are_cropped(dataset, quarters, log_view, log_predictions, read):
    boxes = [fo.Detection(label="x", bounding_box=box) for box in [*BOXES, [1.2, 0.1, 0.2, 0.2]]]
    shape = fo.Polyline(label="x", points=[[(0.55, 0.1), (0.9, 0.1), (0.7, 0.4)]], closed=True)
    sample = fo.Sample(
        filepath=str(quarters), boxes=fo.Detections(detections=boxes), shapes=fo.Polylines(polylines=[shape])
    )
    made = dataset([sample])

    result = log_view(made.to_patches("boxes"), include_labels=True)
    rows = read.rows(result, "samples")
    assert all(like(row["image"], wanted) for row, wanted in zip(rows, COLOURS[:4], strict=False))
    assert (rows[0]["image"]._width, rows[0]["image"]._height) == (64, 40)
    assert (rows[3]["image"]._width, rows[3]["image"]._height) == (128, 80)  # cut at the edge
    assert rows[4]["image"] is None
    assert sorted((w["code"], w["count"]) for w in result["warnings"]) == [("no_box", 1), ("outside_picture", 1)]

    (row,) = read.rows(log_predictions(made.to_patches("shapes"), "shapes", image_mode="thumbnail"), "predictions")
    assert like(row["image"], COLOURS[1])

    whole = read.rows(log_view(made.to_patches("boxes"), include_labels=True, image_mode="original"), "samples")
    assert {row["image"]._width for row in whole} == {320}


def test_evaluation_patches_show_both_boxes(dataset, quarters, log_view, read):
    sample = fo.Sample(filepath=str(quarters))
    sample["truth"] = fo.Detections(detections=[fo.Detection(label="x", bounding_box=[0.0, 0.0, 0.5, 0.5])])
    sample["guess"] = fo.Detections(
        detections=[fo.Detection(label="x", bounding_box=[0.0, 0.0, 0.5, 0.6], confidence=0.9)]
    )
    made = dataset([sample])
    made.evaluate_detections("guess", gt_field="truth", eval_key="ev", iou=0.5)
    (row,) = read.rows(log_view(made.to_evaluation_patches("ev"), include_labels=True), "samples")
    assert (row["image"]._width, row["image"]._height) == (160, 120)


def test_groups_show_every_slice(dataset, tmp_path, log_view, read):
    samples = []
    for i in range(2):
        group = fo.Group()
        for k, name in enumerate(("left", "right", "map")):
            if (i, name) == (1, "right"):
                continue
            path = plain(tmp_path / f"{name}{i}.png", COLOURS[i + 2 * k])
            label = fo.Classification(label=name)
            samples.append(fo.Sample(filepath=str(path), group=group.element(name), label=label))
    made = dataset([])
    made.add_group_field("group", default="left")
    made.add_samples(samples)

    rows = read.rows(log_view(made, include_labels=True), "samples")
    assert list(rows[0])[-3:] == ["image", "image_right", "image_map"]
    assert [row["label_label"] for row in rows] == ["left", "left"]
    for i, row in enumerate(rows):
        assert like(row["image"], COLOURS[i])
        assert like(row["image_map"], COLOURS[i + 4])
    assert like(rows[0]["image_right"], COLOURS[2])
    assert rows[1]["image_right"] is None

    references = read.rows(log_view(made.limit(1), include_labels=True, image_mode="reference"), "samples")
    assert list(references[0])[-6:] == [
        "image",
        "thumbnail",
        "image_right",
        "thumbnail_right",
        "image_map",
        "thumbnail_map",
    ]
    flat = read.rows(log_view(made.select_group_slices(["left", "map"]), include_labels=True), "samples")
    assert list(flat[0])[-1] == "image"
    assert len(flat) == 4


def test_point_clouds_show_their_projection(dataset, tmp_path, log_view, read):
    cloud = tmp_path / "a.pcd"
    cloud.write_text("no matter")
    seen = plain(tmp_path / "projection.png", COLOURS[4])
    projection = OrthographicProjectionMetadata(
        filepath=str(seen), min_bound=[0, 0], max_bound=[1, 1], width=64, height=48
    )
    made = dataset(
        [
            fo.Sample(filepath=str(cloud), label=fo.Classification(label="x"), seen=projection),
            fo.Sample(filepath=str(cloud), label=fo.Classification(label="x")),
        ]
    )
    result = log_view(made, include_labels=True)
    rows = read.rows(result, "samples")
    assert like(rows[0]["image"], COLOURS[4])
    assert rows[1]["image"] is None
    assert [(w["code"], w["count"]) for w in result["warnings"]] == [("not_an_image", 1)]


def test_smaller_copies_of_the_dataset_are_used(dataset, tmp_path, log_view, read):
    """If they are large enough, and show all of the picture; then the picture itself is not read."""
    copies = {
        "good": (plain(tmp_path / "good.png", COLOURS[1], (512, 384)), COLOURS[1]),
        "small": (plain(tmp_path / "small.png", COLOURS[1], (100, 75)), COLOURS[0]),
        "part": (plain(tmp_path / "part.png", COLOURS[1], (512, 512)), COLOURS[0]),
        "gone": (tmp_path / "gone.png", COLOURS[0]),
    }
    whole = plain(tmp_path / "whole.png", COLOURS[0], (1024, 768))
    metadata = fo.ImageMetadata(width=1024, height=768)
    made = dataset(
        [
            fo.Sample(filepath=str(whole), small=str(path), label=fo.Classification(label=name), metadata=metadata)
            for name, (path, _) in copies.items()
        ]
    )
    made.app_config.media_fields = ["filepath", "small"]
    made.app_config.grid_media_field = "small"
    made.save()

    rows = read.rows(log_view(made, include_labels=True), "samples")
    for row, (name, (_, wanted)) in zip(rows, copies.items(), strict=True):
        assert like(row["image"], wanted), name
        assert (row["image"]._width, row["image"]._height) == (256, 192)
    assert [(row["width"], row["height"]) for row in rows] == [(1024, 768)] * 4


def test_facts_are_the_last_columns(data, log_view, read):
    view = data["images"].limit(2)
    rows = read.rows(log_view(view, include_labels=True, fields=["number", "metadata.width"]), "samples")
    assert list(rows[0])[-5:] == ["image", "number", "metadata.width", "width", "height"]
    assert [(row["width"], row["height"]) for row in rows] == [(32, 24)] * 2
    rows = read.rows(log_view(data["videos"], include_labels=True, include_images=False), "samples")
    assert "duration" not in rows[0]
    rows = read.rows(log_view(data["videos"], include_labels=True), "samples")
    assert list(rows[0])[-3:] == ["width", "height", "duration"]
    assert [(row["width"], row["height"], row["duration"]) for row in rows] == [(32, 24, 0.8)] * 3


def videos(dataset, path, **kwargs):
    metadata = fo.VideoMetadata(frame_rate=10, total_frame_count=30, frame_width=64, frame_height=48, duration=3)
    event = fo.TemporalDetections(
        detections=[
            fo.TemporalDetection(label="a", support=[8, 12]),
            fo.TemporalDetection(label="b", support=[26, 30]),
        ]
    )
    sample = fo.Sample(filepath=str(path), event=event, metadata=metadata, **kwargs)
    for number in range(1, 31, 4):
        sample.frames[number] = fo.Frame(label=fo.Classification(label=str(number)))
    return dataset([sample])


def test_pictures_of_videos(dataset, video, log_view, read):
    made = videos(dataset, video)
    (row,) = read.rows(log_view(made, include_labels=True), "samples")
    assert like(row["image"], COLOURS[0])
    assert (row["image"]._width, row["image"]._height) == (64, 48)

    clips = read.rows(log_view(made.to_clips("event"), include_labels=True), "samples")
    assert [like(row["image"], COLOURS[k]) for row, k in zip(clips, (1, 5), strict=True)] == [True, True]

    frames = made.to_frames(sample_frames="dynamic", sparse=True)
    first = log_view(frames, include_labels=True, artifact_name="frames-of-a-video")
    rows = read.rows(first, "samples")
    assert [row["frame_number"] for row in rows] == list(range(1, 31, 4))
    for row in rows:
        assert like(row["image"], COLOURS[(row["frame_number"] - 1) // 5]), row["frame_number"]

    # The frame rate that the metadata has does not matter: it is a mean of what may vary.
    made.set_values("metadata.frame_rate", [7.5])
    again = frames.sort_by("frame_number", reverse=True)
    rows = read.rows(log_view(again, include_labels=True), "samples")
    assert [row["frame_number"] for row in rows] == list(range(29, 0, -4))
    for row in rows:
        assert like(row["image"], COLOURS[(row["frame_number"] - 1) // 5]), row["frame_number"]


def test_patches_of_frames_show_their_part(dataset, video, log_view, read):
    made = videos(dataset, video)
    sample = made.first()
    for number in (3, 13, 28):
        boxes = [
            fo.Detection(label="x", bounding_box=[0.5, 0, 0.5, 0.5]),
            fo.Detection(label="y", bounding_box=BOXES[0]),
        ]
        sample.frames[number] = fo.Frame(boxes=fo.Detections(detections=boxes))
    sample.save()
    patches = made.to_frames(sample_frames="dynamic").to_patches("boxes")
    rows = read.rows(log_view(patches, include_labels=True), "samples")
    assert len(rows) == 6
    for row, number in zip(rows, (3, 3, 13, 13, 28, 28), strict=True):
        assert like(row["image"], COLOURS[(number - 1) // 5])
    assert (rows[0]["image"]._width, rows[0]["image"]._height) == (32, 24)


def test_frames_of_many_videos_in_any_order(dataset, tmp_path, log_view, read):
    """Each is the right one, upright, whatever is beside it; what is missing or broken costs its own cells."""
    # The picture's upper half is as bright as the frame's number.
    source = "color=black:size=64x48:rate=30,geq=lum='if(lt(Y,H/2),16+4*mod(N,50),16)':cb=128:cr=128,trim=end_frame=400"
    uneven = "setpts='(N+0.4*mod(N,3))/30/TB'"
    make("-f", "lavfi", "-i", source, "-vf", uneven, "-fps_mode", "passthrough", "-g", "40", tmp_path / "uneven.mp4")
    make("-display_rotation", "90", "-i", tmp_path / "uneven.mp4", "-c", "copy", tmp_path / "turned.mp4")
    (tmp_path / "broken.mp4").write_bytes((tmp_path / "uneven.mp4").read_bytes()[:3000])
    samples = []
    for name in ("uneven", "turned", "broken"):
        sample = fo.Sample(filepath=str(tmp_path / f"{name}.mp4"))
        for number in (*range(1, 31), 350, 400, 401):
            sample.frames[number] = fo.Frame(label=fo.Classification(label=name))
        samples.append(sample)
    frames = dataset(samples).to_frames(sample_frames="dynamic", sparse=True)
    result = log_view(frames.shuffle(seed=51), include_labels=True)
    rows = read.rows(result, "samples")
    assert len(rows) == 99
    assert [(w["code"], w["count"]) for w in result["warnings"]] == [("no_frame", 35)]
    for row in rows:
        name, number = row["label_label"], row["frame_number"]
        if name == "broken" or number == 401:
            assert row["image"] is None
            continue
        picture = np.asarray(PIL.Image.open(row["image"]._path).convert("L")).astype(float)
        assert picture.shape == ((64, 48) if name == "turned" else (48, 64))
        bright = picture[:, :20] if name == "turned" else picture[:20]
        assert abs(bright.mean() - 4 * ((number - 1) % 50) * 255 / 219) < 4, (name, number)
    assert read.rows(log_view(frames.shuffle(seed=51), include_labels=True), "samples") == rows


def make(*options):
    subprocess.run([FFMPEG, "-y", "-v", "error", *map(str, options)], check=True)


def test_frames_with_files_show_those(data, log_view, read):
    frames = data["videos"].to_frames(sample_frames=False).limit(3)
    result = log_view(frames, include_labels=True)
    assert result["warnings"] == []
    for row, sample in zip(read.rows(result, "samples"), frames, strict=True):
        wanted = cv2.imread(sample.filepath)[..., ::-1].reshape(-1, 3).mean(0)
        assert like(row["image"], wanted, 8)


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """Puts a program named ffmpeg first on PATH, made of the body of a Python program."""

    def make(body):
        directory = tmp_path / "bin"
        directory.mkdir(exist_ok=True)
        program = directory / "ffmpeg"
        program.write_text(f"#!{sys.executable}\nimport json, os, sys\n{body}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")

    return make


def test_how_ffmpeg_is_called(dataset, video, log_view, read, tool, tmp_path):
    """With the file as an address, and nothing else of the caller's."""
    picture = tmp_path / "answer.bmp"
    plain(picture, COLOURS[2])
    calls = tmp_path / "calls"
    tool(
        f"open({str(calls)!r}, 'a').write(json.dumps([sys.argv, sorted(os.environ)]) + '\\n')\n"
        f"sys.stdout.buffer.write(open({str(picture)!r}, 'rb').read())"
    )
    made = videos(dataset, video)
    frames = made.to_frames(sample_frames="dynamic", sparse=True).match(fo.ViewField("frame_number") == 5)
    (row,) = read.rows(log_view(frames, include_labels=True), "samples")

    assert like(row["image"], COLOURS[2])
    ((arguments, environment),) = [json.loads(line) for line in calls.read_text().splitlines()]
    assert arguments[arguments.index("-i") + 1] == f"file:{video}"
    assert arguments[arguments.index("-vf") + 1].startswith("select='gte(n\\,4)',")
    assert arguments[arguments.index("-protocol_whitelist") + 1] == "file"
    assert not [name for name in environment if not name.startswith(("LC_", "PWD", "__", "SHLVL", "_"))]


def test_ffmpeg_is_the_one_that_was_found(dataset, video, log_view, read, tool, tmp_path, monkeypatch):
    """Not one that is at the same relative path as seen from the video."""
    picture = plain(tmp_path / "answer.bmp", COLOURS[2])
    tool(f"sys.stdout.buffer.write(open({str(picture)!r}, 'rb').read())")
    monkeypatch.chdir(tmp_path / "bin")
    monkeypatch.setenv("PATH", f".{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "ffmpeg").write_text(f"#!{sys.executable}\n")
    (tmp_path / "ffmpeg").chmod(0o755)
    (row,) = read.rows(log_view(videos(dataset, video), include_labels=True), "samples")
    assert like(row["image"], COLOURS[2])


@pytest.mark.parametrize(
    ("body", "code"),
    [("sys.exit(1)", "no_frame"), ("", "no_frame"), ("sys.stdout.write('no picture')", "no_frame")],
)
def test_an_ffmpeg_that_fails_costs_the_cell(dataset, video, log_view, read, tool, body, code):
    tool(body)
    result = log_view(videos(dataset, video), include_labels=True)
    assert [w["code"] for w in result["warnings"]] == ["frame_labels", code] or [
        w["code"] for w in result["warnings"]
    ] == [code, "frame_labels"]
    assert [row["image"] for row in read.rows(result, "samples")] == [None]


def test_without_ffmpeg_on_the_path_the_packaged_one_is_used(dataset, video, log_view, read, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    (row,) = read.rows(log_view(videos(dataset, video), include_labels=True), "samples")
    assert like(row["image"], COLOURS[0])


@pytest.fixture
def no_ffmpeg(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)


def test_without_ffmpeg_videos_have_no_picture(dataset, video, log_view, read, no_ffmpeg):
    result = log_view(videos(dataset, video), include_labels=True)
    (warning,) = [w for w in result["warnings"] if w["code"] == "no_ffmpeg"]
    assert "install it" in warning["message"]
    (row,) = read.rows(result, "samples")
    assert row["image"] is None


def test_a_group_of_a_video_and_a_picture_in_json(dataset, tmp_path, video, log_view, read, no_ffmpeg):
    """What is missing of a slice is counted under the row's sample."""
    group = fo.Group()
    label = fo.Classification(label="x")
    made = dataset([])
    made.add_group_field("group", default="still")
    made.add_samples(
        [
            fo.Sample(filepath=str(plain(tmp_path / "a.png", COLOURS[0])), group=group.element("still"), label=label),
            fo.Sample(filepath=str(video), group=group.element("film"), label=label),
        ]
    )
    result = log_view(made, include_labels=True)
    (row,) = json.loads(file(read.artifact(result), "samples.table.json"))["data"]
    assert row[-2]["_type"] == "image-file"
    assert row[-1] is None
    assert [(w["code"], w["sample_ids"]) for w in result["warnings"]] == [("no_ffmpeg", [made.first().id])]
