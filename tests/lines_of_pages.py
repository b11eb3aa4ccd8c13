"""Pages of generated handwriting with their lines, for the tests of segmenters and readers."""

import numpy as np

from hwsk.datasets import make_handwriting
from hwsk.documents import Line, Page, Region


def draw_page(texts, *, size=(420, 500), left=40, top=30, pitch=60, height=36, seed=0):
    """A page with a line for each text, and its `Page`."""
    words = make_handwriting(len(texts), texts=texts, height=height, random_state=seed)
    image = np.full(size, 235, np.uint8)
    lines = []
    for i, (ink, text) in enumerate(zip(words.images, words.text, strict=True)):
        ink = ink[:, : size[1] - left - 5]
        y = top + pitch * i
        part = image[y : y + height, left : left + ink.shape[1]]
        np.minimum(part, ink[: len(part)], out=part)
        right, bottom = left + ink.shape[1], y + height
        base = bottom - height // 4
        lines.append(
            Line(
                str(text),
                baseline=[[left, base], [right, base]],
                polygon=[left, y, right, bottom],
            )
        )
    return image, Page(size[1], size[0], [Region(lines)])
