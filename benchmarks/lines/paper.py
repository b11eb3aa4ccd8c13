"""Random paper, ink and scanners: what a clean image of a text line may look like elsewhere."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def degrade(image: Image, other: Image, rng: np.random.Generator) -> Image:
    """Change resolution, skew, neighbours, ruling, ink, light, texture, sharpness and coding.

    Or, instead of ruling and what follows, let a thin pen be scanned in black and white.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        A text line, dark ink on light paper, uint8.
    other : ndarray of shape (height, width)
        Another text line: the neighbour above or below, or the reverse side.
    rng : numpy.random.Generator
        Decides which changes are made, and their amounts.

    Returns
    -------
    changed : ndarray
        uint8, of another size in general.
    """
    chances = rng.random(11)
    if chances[0] < 0.3:
        target = float(rng.uniform(36, 110))
        image = _resize(image, min(target / image.shape[0], 1.3))
    if chances[1] < 0.25:
        image = _rotate(image, float(rng.uniform(-5, 5)))
    if chances[2] < 0.2:
        image = _add_neighbours(image, other, rng)
    if chances[10] < 0.25:
        return _thin(image, rng)
    tones = image.astype(np.float32)
    if chances[3] < 0.15:
        reverse = _fit(other[:, ::-1], image.shape).astype(np.float32)
        reverse = cv2.GaussianBlur(reverse, (0, 0), float(rng.uniform(0.5, 2)))
        tones -= float(rng.uniform(0.08, 0.3)) * (255 - reverse)
    if chances[4] < 0.4:
        ink, paper = float(rng.uniform(0, 140)), float(rng.uniform(170, 255))
        paper = max(paper, ink + 35)
        tones = ink + tones * ((paper - ink) / 255)
    if chances[5] < 0.22:
        _rule(tones, rng)
    if chances[6] < 0.4:
        tones *= _light(tones.shape, rng)
    if chances[7] < 0.35:
        tones += _texture(tones.shape, rng)
    if chances[8] < 0.25:
        deviation = float(rng.uniform(0.3, max(0.4, 0.018 * tones.shape[0])))
        tones = cv2.GaussianBlur(tones, (0, 0), deviation)
    if chances[9] < 0.12:
        _darken_edges(tones, rng)
    changed = np.clip(tones, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(12, 70))]
        changed = cv2.imdecode(cv2.imencode(".jpg", changed, quality)[1], cv2.IMREAD_GRAYSCALE)
    return changed


def _resize(image: Image, scale: float) -> Image:
    height, width = image.shape
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)


def _fit(image: Image, shape: tuple[int, ...]) -> Image:
    """Scale an image to the height of `shape`, and repeat or cut it to its width."""
    scaled = _resize(np.ascontiguousarray(image), shape[0] / image.shape[0])
    scaled = cv2.resize(scaled, (scaled.shape[1], shape[0]))
    times = -(-shape[1] // scaled.shape[1])
    return np.tile(scaled, (1, times))[:, : shape[1]]


def _rotate(image: Image, degrees: float) -> Image:
    height, width = image.shape
    room = int(abs(np.tan(np.deg2rad(degrees))) * width) + 2
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    matrix[1, 2] += room / 2
    paper = float(np.median(image[[0, -1]]))
    return np.asarray(
        cv2.warpAffine(image, matrix, (width, height + room), borderValue=paper), np.uint8
    )


def _add_neighbours(image: Image, other: Image, rng: np.random.Generator) -> Image:
    """Lay the lower part of another line over the top, or its upper part below, or both."""
    height, width = image.shape
    pad = int(rng.uniform(0, 0.25) * height)
    paper = int(np.median(image[[0, -1]]))
    image = cv2.copyMakeBorder(image, pad, pad, 0, 0, cv2.BORDER_CONSTANT, value=paper)
    strange = _fit(other, (height, width))
    sides = int(rng.integers(1, 4))
    depth = int(rng.uniform(0.1, 0.35) * height)
    if sides & 1:
        image[:depth] = np.minimum(image[:depth], strange[-depth:])
    if sides & 2:
        image[-depth:] = np.minimum(image[-depth:], strange[:depth])
    return image


def _thin(image: Image, rng: np.random.Generator) -> Image:
    """Thin the strokes until they break, as one threshold does to a faint or fine pen."""
    unit = image.shape[0] / 150  # a line of IAM is about as many pixels high
    ink = cv2.GaussianBlur(255 - image.astype(np.float32), (0, 0), rng.uniform(0.8, 2.0) * unit)
    for size in (1.5, 8.0):  # in units: the grain of the paper, the pressure of the pen
        shape = [max(2, round(side / (size * unit))) for side in image.shape]
        noise = rng.standard_normal(shape, np.float32)
        ink *= 1 + np.float32(rng.uniform(0.05, 0.3)) * cv2.resize(noise, image.shape[::-1])
    written = ink[image < 128]
    if not len(written):
        return image
    threshold = np.quantile(written, rng.uniform(0.15, 0.65))
    return np.where(ink > threshold, 0, 255).astype(np.uint8)


def _rule(tones: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Draw ruled or squared paper."""
    height, width = tones.shape
    spacing = float(rng.uniform(0.3, 1.2) * height)
    thickness = max(1, round(float(rng.uniform(0.008, 0.03)) * height))
    paper = float(np.median(tones))
    tone = paper * float(rng.uniform(0.25, 0.85))
    slope = float(rng.uniform(-0.01, 0.01)) if rng.random() < 0.4 else 0.0
    canvas = np.full(tones.shape, 255, np.uint8)
    for y in np.arange(rng.uniform(0, spacing), height, spacing):
        ends = (0, round(y)), (width, round(y + slope * width))
        cv2.line(canvas, *ends, 0, thickness, cv2.LINE_AA)
    if rng.random() < 0.25:
        for x in np.arange(rng.uniform(0, spacing), width, spacing):
            cv2.line(canvas, (round(x), 0), (round(x), height), 0, thickness, cv2.LINE_AA)
    part = canvas.astype(np.float32) / 255
    np.minimum(tones, part * 255 + (1 - part) * tone, out=tones)


def _light(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
    """Uneven light: a slope, a shadow with a soft edge, or both."""
    height, width = shape
    light = np.ones(shape, np.float32)
    if rng.random() < 0.75:
        ends = rng.uniform(0.4, 1, 2)
        along = np.linspace(*ends, width)[np.newaxis]
        light *= (along * np.linspace(*rng.uniform(0.8, 1, 2), height)[:, np.newaxis]).astype("f4")
    if rng.random() < 0.45:
        edge = rng.uniform(0, width) + rng.uniform(-1, 1) * np.arange(height)[:, np.newaxis]
        soft = rng.uniform(0.02, 0.6) * height
        side = 1 if rng.random() < 0.5 else -1
        shadow = 1 / (1 + np.exp(np.clip(side * (np.arange(width) - edge) / soft, -30, 30)))
        light *= (1 - rng.uniform(0.15, 0.6) * shadow).astype("f4")
    return light


def _texture(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    noise = rng.standard_normal(shape, np.float32) * np.float32(rng.uniform(1, 10))
    if rng.random() < 0.5:
        coarse = rng.standard_normal((3 + shape[0] // 30, 3 + shape[1] // 30), np.float32)
        noise += cv2.resize(coarse, shape[::-1]) * np.float32(rng.uniform(2, 12))
    return noise


def _darken_edges(tones: NDArray[np.float32], rng: np.random.Generator) -> None:
    tone = float(rng.uniform(0, 90))
    for side in np.flatnonzero(rng.random(4) < 0.6):
        depth = int(rng.uniform(0.01, 0.07) * tones.shape[0]) + 1
        view = tones if side < 2 else tones.T
        rows = slice(0, depth) if side % 2 else slice(-depth, None)
        view[rows] = np.minimum(view[rows], tone)
