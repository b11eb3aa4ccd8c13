"""Read the validation lines of IAM on other paper, by other light, from other scanners.

    python -m benchmarks.lines.robustness --model models/iam-lines.hwsk --data ../shared/data

prints the character error rate of each change, its ratio to the unchanged lines, and how many lines
are read badly (more than 40% of the characters wrong) without a warning. Of 632 lines every fifth
is taken, in the order of the files (--every).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from datetime import date
from typing import Any

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.shared import iam
from hwsk._data.decoding import read_image
from hwsk._data.levels import to_bytes
from hwsk.metrics import character_error_rate

Image = NDArray[np.uint8]
Change = Callable[[Image, Image], NDArray[Any]]
BAD = 0.4


def light(image: Image, other: Image) -> Image:
    """Let light fall off to 45% at the right."""
    return (image * np.linspace(1, 0.45, image.shape[1])).astype(np.uint8)


def shadow(image: Image, other: Image) -> Image:
    """Throw a soft shadow over the left 60%."""
    tones = np.where(np.arange(image.shape[1]) < 0.6 * image.shape[1], 0.4, 1.0)
    return (image * cv2.GaussianBlur(tones[np.newaxis], (0, 0), 15)).astype(np.uint8)


def faint(image: Image, other: Image) -> Image:
    """Ink of tone 140 on paper of tone 180."""
    return (140 + image * (40 / 255)).astype(np.uint8)


def twelve_bits(image: Image, other: Image) -> NDArray[np.uint16]:
    """12 bits in a container of 16."""
    return image.astype(np.uint16) * 16


def edges(image: Image, other: Image) -> Image:
    """Dark edges of a scan, 6 px wide."""
    changed = image.copy()
    changed[:6], changed[-6:], changed[:, :6], changed[:, -6:] = 20, 20, 20, 20
    return changed


def ruled(image: Image, other: Image) -> Image:
    """Rule a line through the words, 3 px thick."""
    changed = image.copy()
    row = int(0.62 * len(image))
    changed[row : row + 3] = np.minimum(changed[row : row + 3], 90)
    return changed


def ruled_askew(image: Image, other: Image) -> Image:
    """Rule two lines of 2 px that are 0.6 degrees askew."""
    changed, (height, width) = image.copy(), image.shape
    for share in (0.25, 0.75):
        row = int(share * height)
        cv2.line(changed, (0, row), (width, row + round(0.01 * width)), 120, 2)
    return np.minimum(changed, image)


def jpeg(image: Image, other: Image) -> Image:
    """JPEG of quality 20."""
    _, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 20])
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_GRAYSCALE), np.uint8)


def blur(image: Image, other: Image) -> Image:
    """Blur by a Gaussian of 2 px."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 2), np.uint8)


def resized(scale: float) -> Change:
    """Change the resolution of 300 dpi."""
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return lambda image, other: cv2.resize(image, None, fx=scale, fy=scale, interpolation=how)


def skewed(degrees: float) -> Change:
    """Rotate the line."""

    def rotate(image: Image, other: Image) -> Image:
        pad = round(image.shape[1] * abs(np.sin(np.deg2rad(degrees))) / 2)
        image = cv2.copyMakeBorder(image, pad, pad, 0, 0, cv2.BORDER_CONSTANT, value=255)
        middle = image.shape[1] / 2, image.shape[0] / 2
        matrix = cv2.getRotationMatrix2D(middle, degrees, 1)
        return np.asarray(cv2.warpAffine(image, matrix, image.shape[::-1], borderValue=255))

    return rotate


def coloured(image: Image, other: Image) -> Image:
    """Blue ink on yellow paper, in RGB."""
    ink, paper = np.array([40, 60, 150]), np.array([240, 225, 160])
    share = image[..., np.newaxis] / 255
    return np.rint(ink * (1 - share) + paper * share).astype(np.uint8)


def bleed_through(image: Image, other: Image) -> Image:
    """Let the ink of another line, mirrored, come through by a quarter."""
    reverse = cv2.resize(other[:, ::-1], image.shape[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(image - 0.25 * (255.0 - reverse), 0, 255), np.uint8)


def descenders(image: Image, other: Image) -> Image:
    """Let the lowest fifth of another line hang into the top of this one."""
    part = other[-len(other) // 5 :]
    height = max(1, round(0.18 * len(image)))
    part = cv2.resize(part, (image.shape[1], height), interpolation=cv2.INTER_AREA)
    changed = image.copy()
    changed[:height] = np.minimum(changed[:height], part)
    return changed


CHANGES: dict[str, Change] = {
    "unchanged": lambda image, other: image,
    "light falling off": light,
    "shadow": shadow,
    "faint ink": faint,
    "12-bit grey": twelve_bits,
    "dark edges": edges,
    "ruled line": ruled,
    "ruled lines askew": ruled_askew,
    "JPEG 20": jpeg,
    "blur": blur,
    "100 dpi": resized(1 / 3),
    "600 dpi": resized(2.0),
    "skew 5 degrees": skewed(5.0),
    "colour": coloured,
    "bleed-through": bleed_through,
    "neighbour's descenders": descenders,
}


def rows_of(messages: list[str]) -> set[int]:
    """Rows that warnings name."""
    found = (re.search(r"rows ([\d, ]+)", message) for message in messages)
    return {int(row) for match in found if match for row in re.findall(r"\d+", match[1])}


@click.command()
@click.option("--model", default="models/iam-lines.hwsk")
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--every", default=5, type=click.IntRange(1))
def main(model: str, data: str, every: int) -> None:
    """Print the error rates."""
    reader = iam.load_spaced(model)
    lines, _, rows = iam.load_split(data)
    rows = rows[::every]
    images = [to_bytes(np.asarray(read_image(lines.images[row]))) for row in rows]
    texts = list(lines.text[rows])
    print(f"{date.today()} {model}, {len(rows)} lines of {len(set(lines.writer[rows]))} writers")
    clean = None
    for name, change in CHANGES.items():
        changed = [change(a, b) for a, b in zip(images, images[1:] + images[:1], strict=True)]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = list(reader.predict(changed))
        rate = character_error_rate(texts, found)
        clean = clean or rate
        bad = {
            row
            for row, (text, guess) in enumerate(zip(texts, found, strict=True))
            if character_error_rate([text], [guess]) > BAD
        }
        silent = len(bad - rows_of([str(warning.message) for warning in caught]))
        print(
            f"{name:24} {rate:7.2%} {rate / clean:6.2f} times, bad {len(bad):3}, "
            f"{silent:3} of them without a warning",
            flush=True,
        )


if __name__ == "__main__":
    main()
