"""Find lines by projection profiles, without a network."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from hwsk._data.decoding import read_image
from hwsk.documents._elements import Line
from hwsk.documents._images import to_gray
from hwsk.documents._layout import View
from hwsk.documents._tracing import Trace, join_parts
from hwsk.networks.segmentation import LineNetwork
from hwsk.preprocessing._paper import page_scale, scale_ink

_STRIPS = 100  # pixels that a strip is wide
_INK = 100  # from this on a pixel is ink
_LEAST = 0.02  # of the pixels of a row of a strip, that are ink in a line
_RULE = 0.6  # of the pixels of a row of a strip, from where on it is a ruled line
_PERIOD = 0.6  # of the highest peak of the autocorrelation: a lower one is not a distance of lines
_SHORTEST = 0.8  # heights of a line: what is shorter is a speck
_LINE_HEIGHTS = 10.0, 80.0  # pixels between two lines, the least and the most


def find_lines_by_profile(page_image: Any, *, resolution: int = 1000) -> list[Line]:
    """Find the text lines of a page by the ink of its rows, without learning.

    The page is cut into vertical strips; the peaks of the smoothed number of ink pixels of each row
    are parts of lines, and parts that follow each other are joined [1]_. Seams between neighbours
    and reading order are those of :class:`LineSegmenter`, for which this is the baseline.

    Parameters
    ----------
    page_image : str, path or array of shape (height, width) or (height, width, channels)
        The page, dark ink on light paper, or its path.
    resolution : int, default=1000
        The page is scaled to as many pixels as a square of this side has.

    Returns
    -------
    lines : list of Line
        In reading order, with baseline and polygon, in pixels of the page.

    See Also
    --------
    LineSegmenter : The same with a network.

    References
    ----------
    .. [1] M. Arivazhagan, H. Srinivasan, S. Srihari, "A statistical approach to line segmentation
       in handwritten documents", Document Recognition and Retrieval XIV, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.documents import find_lines_by_profile
    >>> page = np.full((1000, 800), 255, np.uint8)
    >>> page[200:220, 100:700:3] = page[260:280, 100:700:3] = 0
    >>> len(find_lines_by_profile(page))
    2
    """
    is_array = hasattr(page_image, "__array__")
    image = to_gray(page_image, "page_image") if is_array else read_image(page_image)
    scale = page_scale(image.shape, resolution)
    ink = scale_ink(image, scale)
    is_ink = cv2.blur(ink, (3, 3)) > _INK
    profiles = _profiles(is_ink)
    pitch = _line_distance(profiles)
    stride = LineNetwork.stride
    parts = []
    for first, last, profile in profiles:
        smooth = gaussian_filter1d(profile, 0.16 * pitch)
        peaks = find_peaks(smooth, height=_LEAST, distance=max(1.0, 0.55 * pitch))[0]
        for peak in peaks.tolist():
            columns = np.arange(first // stride, max(first + 1, last) // stride)
            row = (peak + 0.2 * pitch) / stride - 0.5
            near = slice(max(0, int(peak - pitch / 3)), int(peak + pitch / 3) + 1)
            inked = np.flatnonzero(is_ink[near, first:last].any(axis=0))
            if len(inked) and len(columns):
                begin = (first + inked[0]) // stride
                columns = np.arange(begin, max(begin + 1, (first + inked[-1]) // stride))
                parts.append(
                    Trace(columns, np.full(len(columns), row), 0.65 * pitch, 0.3 * pitch, 1.0)
                )
    no_ends = np.zeros((-(-ink.shape[0] // stride), -(-ink.shape[1] // stride)), np.float32)
    traces = [trace for trace in join_parts(parts, no_ends) if trace.length >= _SHORTEST]
    view = View(ink, traces, 0, scale, no_ends[np.newaxis])
    lines = [line for region in view.to_regions(image.shape) for line in region.lines]
    for line in lines:
        line.confidence = None
    return lines


def _profiles(is_ink: NDArray[np.bool_]) -> list[tuple[int, int, NDArray[np.float64]]]:
    """First and last column of each strip, and the share of ink in its rows, without rules."""
    width = is_ink.shape[1]
    edges = np.linspace(0, width, max(1, round(width / _STRIPS)) + 1).astype(int).tolist()
    found = []
    for first, last in pairwise(edges):
        profile = is_ink[:, first:last].mean(axis=1)
        found.append((first, last, np.where(profile > _RULE, 0.0, profile)))
    return found


def _line_distance(profiles: list[tuple[int, int, NDArray[np.float64]]]) -> float:
    """Estimate the distance of lines: the first peak of the autocorrelation of the profiles."""
    total = np.zeros(0)
    for _, _, profile in profiles:
        centered = profile - profile.mean()
        power = np.abs(np.fft.rfft(centered, 2 * len(centered))) ** 2
        correlation = np.fft.irfft(power)[: len(centered)]
        total = total + correlation if len(total) else correlation
    low, high = (int(value) for value in _LINE_HEIGHTS)
    part = total[low : high + 1]
    peaks = find_peaks(part)[0]
    if not len(peaks):
        return 40.0
    strong = part[peaks] > _PERIOD * part[peaks].max()  # the distance, not its double
    return float(low + peaks[strong][0])
