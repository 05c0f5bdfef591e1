"""Small pictures and a short video for tests."""

import cv2
import numpy as np

IMAGES = 12
FRAMES = 8
SIZE = (32, 24)  # width, height


def make(directory):
    """Writes ``image_00.png`` … and ``video_0.avi`` … into a directory."""
    for i in range(IMAGES):
        cv2.imwrite(str(directory / f"image_{i:02}.png"), _picture(i))

    for i in range(3):
        writer = cv2.VideoWriter(str(directory / f"video_{i}.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, SIZE)
        for frame in range(FRAMES):
            writer.write(_picture(i * FRAMES + frame))

        writer.release()


def _picture(seed):
    width, height = SIZE
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0] = (seed * 37) % 256
    picture[:, : 1 + seed % width, 1] = 200
    picture[height // 2 :, :, 2] = np.arange(width, dtype=np.uint8) * 7
    return picture
