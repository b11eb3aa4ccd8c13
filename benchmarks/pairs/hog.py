"""Histograms of oriented gradients (Dalal and Triggs 2005), for the baselines.

OpenCV 5 has them no longer.
"""

from __future__ import annotations

import cv2
import numpy as np

CLIP = 0.2  # of a block's values, after scaling it to length 1 (L2-Hys)


def hog(images: np.ndarray, cell: int = 8, bins: int = 9) -> np.ndarray:
    """Features `(n, d)` float32 of images `(n, height, width)` of one size, uint8."""
    return np.stack([_hog(image, cell, bins) for image in images])


def _hog(image: np.ndarray, cell: int, bins: int) -> np.ndarray:
    gray = image.astype(np.float32) / 255
    magnitude, angle = cv2.cartToPolar(
        cv2.Sobel(gray, cv2.CV_32F, 1, 0, ksize=1), cv2.Sobel(gray, cv2.CV_32F, 0, 1, ksize=1)
    )
    place = angle / np.pi % 1 * bins  # unsigned: a stroke has two edges
    low = np.floor(place).astype(int) % bins
    share = place - np.floor(place)
    rows, columns = image.shape[0] // cell, image.shape[1] // cell
    cells = np.zeros((rows, columns, bins), np.float32)
    for kind, weight in ((low, 1 - share), ((low + 1) % bins, share)):
        for i in range(bins):
            votes = np.where(kind == i, magnitude * weight, 0).astype(np.float32)
            cells[..., i] += cv2.resize(votes, (columns, rows), interpolation=cv2.INTER_AREA)
    blocks = np.concatenate(
        [cells[:-1, :-1], cells[:-1, 1:], cells[1:, :-1], cells[1:, 1:]], axis=2
    ).reshape(-1, 4 * bins)
    for _ in range(2):
        blocks = blocks / np.maximum(np.linalg.norm(blocks, axis=1, keepdims=True), 1e-3)
        blocks = np.minimum(blocks, CLIP)
    return blocks.ravel()
