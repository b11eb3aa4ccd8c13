"""Transformers of whole pages: light, orientation, ruled lines, dark edges."""

import cv2
import numpy as np
import pytest
from lines_of_pages import draw_page

from hwsk.preprocessing import (
    Deskewer,
    IlluminationNormalizer,
    PageOrienter,
    RuledLineRemover,
    ScanEdgeRemover,
)

TEXTS = [
    "the old hill",
    "a light day",
    "both held it",
    "the fields lie",
    "tell all that",
    "he lifted",
]


@pytest.fixture(scope="module")
def page():
    texts = [f"{text} {TEXTS[i % 6 - 1]}" for i, text in enumerate(TEXTS * 2)]
    return draw_page(texts, seed=0, size=(640, 500), pitch=48)[0]


def one(transformer, image):
    return transformer.fit_transform([image])[0]


def test_uneven_light_becomes_even(page):
    light = np.linspace(0.5, 1, page.shape[1]) * np.linspace(0.8, 1, page.shape[0])[:, np.newaxis]
    even = one(IlluminationNormalizer(), (page * light).astype(np.uint8))
    known = one(IlluminationNormalizer(), page)
    paper = page == 235
    assert (even[paper] > 235).mean() > 0.97
    assert np.abs(even.astype(int) - known)[~paper].mean() < 20


def test_bleed_through_goes_and_ink_stays():
    image = np.full((200, 300), 240, np.uint8)
    image[50:53, 20:280] = 40
    image[100:103, 20:280] = 215  # of the reverse side
    clean = one(IlluminationNormalizer(bleed_through=0.2), image)
    kept = one(IlluminationNormalizer(bleed_through=0.0), image)
    assert clean[101, 100] == 255 > kept[101, 100] and clean[51, 100] < 60


def test_a_page_is_turned_upright(page):
    for quarters in range(4):
        np.testing.assert_array_equal(one(PageOrienter(), np.rot90(page, quarters)), page)


def test_a_blank_page_is_not_turned():
    blank = np.full((60, 90), 200, np.uint8)
    assert one(PageOrienter(), blank).shape == blank.shape


@pytest.mark.parametrize("degrees", [-4.0, 0.7, 3.0])
def test_deskewing_is_right_to_a_fifth_of_a_degree(degrees):
    rng = np.random.default_rng(0)
    image = np.full((700, 1000), 235, np.uint8)
    for base in range(100, 600, 50):
        for x in range(80, 900, 9):
            image[base - rng.integers(8, 22) : base, x : x + 3] = 60
    image[640:660, 40:60] = image[640:660, 940:960] = 0  # on one row, to measure by
    matrix = cv2.getRotationMatrix2D((500, 350), degrees, 1)
    level = one(Deskewer(), cv2.warpAffine(image, matrix, (1000, 700), borderValue=235))
    blobs = cv2.erode((level < 60).astype(np.uint8), np.ones((11, 11), np.uint8))
    centers = sorted(cv2.connectedComponentsWithStats(blobs)[3][1:].tolist())
    (left, upper), (right, lower) = centers[0], centers[-1]
    assert right - left > 800
    assert abs(np.rad2deg(np.arctan2(lower - upper, right - left))) < 0.2


def test_ruled_lines_go_and_crossing_strokes_stay(page):
    ruled = page.copy()
    for y in range(57, 600, 48):
        ruled[y : y + 2] = np.minimum(ruled[y : y + 2], 150)
    clean = one(RuledLineRemover(), ruled)
    paper = (page == 235) & (ruled != page)
    assert (clean[paper] > 225).mean() > 0.9
    ink = page < 100
    assert (clean[ink] < 160).mean() > 0.9


def test_a_page_without_rules_stays(page):
    assert (one(RuledLineRemover(), page) == page).mean() > 0.995


def test_dark_edges_go_and_ink_at_the_border_stays():
    image = np.full((400, 300), 240, np.uint8)
    image[:, :9] = image[-20:] = 15
    image[100:102, 150:] = 30  # a stroke that leaves the page
    clean = one(ScanEdgeRemover(), image)
    assert clean[:, :9].min() > 200 and clean[-20:].min() > 200
    assert clean[101, 200] == 30


def test_floats_stay_floats(page):
    image = page.astype(np.float32) / 255
    for transformer in (PageOrienter(), RuledLineRemover(), ScanEdgeRemover()):
        changed = one(transformer, image)
        assert changed.dtype == np.float32 and changed.max() <= 1
