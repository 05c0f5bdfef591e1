"""Real pictures for the demo, from packages that FiftyOne brings along anyway."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import cv2
import numpy as np

#: Photographs that scikit-image and scikit-learn ship.
PHOTOGRAPHS = ("astronaut.png", "camera.png", "chelsea.png", "coffee.png", "rocket.jpg", "hubble_deep_field.jpg")
#: The contact sheet of portraits, and its sizes in pixels.
SHEET = "faces"
CELL, PORTRAIT = 150, 110
DIGIT_SIDE = 64
SPLITS = (("train", 0.7), ("val", 0.85), ("test", 1.0))


def digits(directory: pathlib.Path) -> Iterator[dict]:
    """1,797 labelled pictures of handwritten digits, with a classifier's prediction for each.

    Yields dicts with filepath, split, label, prediction, confidence and embedding. The classifier
    has seen the training split only.
    """
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    data = load_digits()
    split = np.random.default_rng(51).random(len(data.target))
    model = LogisticRegression(max_iter=300).fit(data.data[split < SPLITS[0][1]], data.target[split < SPLITS[0][1]])
    scores = model.predict_proba(data.data)
    directory.mkdir(parents=True, exist_ok=True)
    for i, picture in enumerate(data.images):
        path = directory / f"{i:04d}.png"
        grey = (picture * 255 / 16).astype(np.uint8)
        cv2.imwrite(str(path), cv2.resize(grey, (DIGIT_SIDE, DIGIT_SIDE), interpolation=cv2.INTER_CUBIC))
        best = int(scores[i].argmax())
        yield {
            "filepath": str(path),
            "split": next(name for name, end in SPLITS if split[i] < end),
            "label": str(data.target[i]),
            "prediction": str(best),
            "confidence": float(scores[i][best]),
            "embedding": data.data[i].astype(np.float32) / 16,
        }


def photographs(directory: pathlib.Path) -> Iterator[dict]:
    """Photographs, with the faces that OpenCV's cascade finds in them.

    Yields dicts with filepath, faces: a list of (relative box [x, y, width, height], confidence), and known: the boxes
    of the faces that are there, or None where nobody has looked.
    """
    directory.mkdir(parents=True, exist_ok=True)
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    for name, picture in _pictures():
        path = directory / f"{name}.jpg"
        cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 92])
        height, width = picture.shape[:2]
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        boxes, _, weights = cascade.detectMultiScale3(grey, 1.1, 4, outputRejectLevels=True)
        faces = [
            ([x / width, y / height, w / width, h / height], float(1 / (1 + np.exp(-weight))))
            for (x, y, w, h), weight in zip(boxes, np.ravel(weights))
        ]
        yield {"filepath": str(path), "faces": faces, "known": _portraits() if name == SHEET else None}


def _pictures() -> Iterator[tuple[str, np.ndarray]]:
    import skimage
    from sklearn.datasets import load_sample_images

    folder = pathlib.Path(skimage.__file__).parent / "data"
    for name in PHOTOGRAPHS:
        yield pathlib.Path(name).stem, cv2.imread(str(folder / name))
    samples = load_sample_images()
    for name, picture in zip(samples.filenames, samples.images):
        yield pathlib.Path(name).stem, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    yield SHEET, _contact_sheet(np.load(folder / "lfw_subset.npy")[:100])


def _contact_sheet(faces: np.ndarray) -> np.ndarray:
    """A hundred portraits of 25 x 25 on one sheet, enlarged and set apart as a photographer would print them."""
    sheet = np.full((10 * CELL, 10 * CELL, 3), 40, np.uint8)
    for face, (x, y) in zip(faces, _places(), strict=True):
        large = cv2.resize(
            (face * 255).clip(0, 255).astype(np.uint8), (PORTRAIT, PORTRAIT), interpolation=cv2.INTER_CUBIC
        )
        sheet[y : y + PORTRAIT, x : x + PORTRAIT] = large[..., None]
    return sheet


def _places() -> Iterator[tuple[int, int]]:
    """Where the portraits of the contact sheet begin, in pixels."""
    margin = (CELL - PORTRAIT) // 2
    for i in range(100):
        yield margin + i % 10 * CELL, margin + i // 10 * CELL


def _portraits() -> list[list[float]]:
    """The relative boxes of the contact sheet's faces, which fill their portraits."""
    whole = 10 * CELL
    return [[x / whole, y / whole, PORTRAIT / whole, PORTRAIT / whole] for x, y in _places()]
