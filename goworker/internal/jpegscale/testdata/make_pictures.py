"""Writes the JPEG files that the tests read. Needs Pillow, NumPy and OpenCV.

Run it in this directory. The files are committed, so this is only for changing them.
"""

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

HERE = Path(__file__).parent


def scene(width, height):
    """A picture with smooth colours, edges, texture and a flat part."""
    rng = np.random.default_rng(width * 1000 + height)
    y, x = np.mgrid[0:height, 0:width].astype(float)
    rgb = np.stack(
        [
            128 + 100 * np.sin(x / 9) * np.cos(y / 13),
            40 + 180 * x / width,
            220 - 150 * y / height + 20 * np.sin((x + y) / 3),
        ],
        axis=-1,
    )
    rgb[(x - width / 3) ** 2 + (y - height / 2) ** 2 < (height / 4) ** 2] = (250, 230, 10)
    rgb[: height // 4, : width // 4] = (12, 90, 200)
    rgb[height // 2 :, width // 2 :] += rng.normal(0, 18, (height - height // 2, width - width // 2, 1))
    return Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8))


def as_ycck(data):
    """Names a CMYK file YCCK: its first three planes are then read as Y, Cb and Cr."""
    at = data.index(b"Adobe") + 11
    return data[:at] + b"\x02" + data[at + 1 :]


def save(name, image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    (HERE / f"{name}.jpg").write_bytes(out.getvalue())


def save_cv(name, image, sampling, **flags):
    params = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling, cv2.IMWRITE_JPEG_QUALITY, 85]
    for flag, value in flags.items():
        params += [getattr(cv2, f"IMWRITE_JPEG_{flag}"), value]
    ok, data = cv2.imencode(".jpg", np.array(image)[:, :, ::-1], params)
    assert ok
    (HERE / f"{name}.jpg").write_bytes(data.tobytes())


def main():
    odd = scene(75, 51)
    for progressive in (False, True):
        kind = "progressive" if progressive else "baseline"
        for sampling in ("4:4:4", "4:2:2", "4:2:0"):
            name = f"{kind}-{sampling.replace(':', '')}"
            save(name, odd, quality=85, subsampling=sampling, progressive=progressive)
        save(f"{kind}-gray", odd.convert("L"), quality=90, progressive=progressive)
        save(f"{kind}-restart", odd, quality=80, restart_marker_blocks=2, progressive=progressive)
        save(f"{kind}-rgb", odd, quality=85, keep_rgb=True, progressive=progressive)
        save(f"{kind}-fine", odd, quality=100, subsampling="4:4:4", progressive=progressive)
        for name, code in (
            ("411", cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411),
            ("440", cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440),
        ):
            save_cv(f"{kind}-{name}", odd, code, PROGRESSIVE=int(progressive))
    cmyk = Image.merge("CMYK", [*odd.split(), odd.convert("L").point(lambda v: v // 2)])
    save("baseline-cmyk", cmyk, quality=85)
    save("progressive-cmyk", cmyk, quality=85, progressive=True)
    ycck = HERE / "baseline-ycck.jpg"
    ycck.write_bytes(as_ycck((HERE / "baseline-cmyk.jpg").read_bytes()))
    save("optimised", odd, quality=60, optimize=True)
    for width, height in ((1, 1), (1, 40), (40, 1), (8, 8), (17, 9)):
        save(f"size-{width}x{height}", scene(max(width, 4), max(height, 4)).crop((0, 0, width, height)), quality=90)


main()
