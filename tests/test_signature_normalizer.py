import cv2
import numpy as np
import pytest

from hwsk.datasets import make_signatures
from hwsk.preprocessing import SignatureNormalizer
from hwsk.preprocessing._signatures import thin

SIZE = (48, 96)


def scan(width=6, paper=240, ink=60):
    """A wave on paper."""
    image = np.full((160, 400), paper, np.uint8)
    x = np.arange(30, 370)
    points = np.column_stack([x, 80 + 50 * np.sin(x / 30)]).astype(np.int32)
    return cv2.polylines(image, [points], False, ink, width)


def normalize(image, **params):
    return SignatureNormalizer(SIZE, **params).fit_transform([image])[0]


def distance(one, other):
    return float(np.abs(one.astype(float) - other).mean() / 255)


@pytest.mark.parametrize("pen_width", [2.0, None])
def test_canvas(pen_width):
    out = normalize(scan(), pen_width=pen_width, margin=4)
    assert out.shape == SIZE and out.dtype == np.uint8
    rows, columns = np.nonzero(out < 128)
    assert 3 <= columns.min() <= 6 and 89 <= columns.max() <= 92  # the margin
    assert abs(rows.min() + rows.max() - 47) <= 2  # the middle


def test_pen_paper_tone_and_resolution_do_not_matter():
    first = normalize(scan(width=4))
    for other in (
        scan(width=9),
        scan(paper=255, ink=0),
        scan(paper=200, ink=120),
        cv2.resize(scan(), None, fx=1.7, fy=1.7, interpolation=cv2.INTER_LINEAR),
    ):
        assert distance(first, normalize(other)) < 0.04
    kept = [normalize(scan(width=width), pen_width=None) for width in (3, 15)]
    drawn = [normalize(scan(width=width)) for width in (3, 15)]
    assert distance(*kept) > 2 * distance(*drawn)


def test_edges_and_specks_of_the_scan_are_left_out():
    clean, dirty = normalize(scan()), scan()
    dirty[:, :4] = dirty[:3] = 0
    dirty[20:130, 396] = 30  # a streak beside the edge
    dirty[142:147, 300:305] = 60  # a speck
    assert distance(clean, normalize(dirty)) < 0.01
    assert distance(clean, normalize(dirty, speck_widths=0.0)) > 0.01


def test_an_image_without_ink_comes_out_blank():
    assert (normalize(np.full((50, 90), 230, np.uint8)) == 255).all()
    dot = np.full((50, 90), 255, np.uint8)
    dot[20:24, 40:44] = 0
    assert 0 < (normalize(dot) < 128).sum() < SIZE[0] * SIZE[1] / 2


def test_made_signatures_stay_what_they_are():
    made = make_signatures(4, 3, 0, random_state=0)
    flat = np.stack(SignatureNormalizer(SIZE).fit_transform(made.images)).reshape(12, -1)
    own = [distance(flat[i], flat[j]) for i in range(12) for j in range(i) if i // 3 == j // 3]
    others = [distance(flat[i], flat[j]) for i in range(12) for j in range(i) if i // 3 != j // 3]
    assert np.mean(own) < np.mean(others)


def test_thinned_lines_are_thin_and_whole():
    ink = np.zeros((40, 60), np.uint8)
    ink[10:17, 5:55] = ink[10:35, 30:37] = 1
    line = thin(ink)
    assert (line <= ink).all() and (thin(line) == line).all()
    windows = line[:-1, :-1] + line[1:, :-1] + line[:-1, 1:] + line[1:, 1:]
    assert windows.max() <= 3  # no block of two by two
    assert cv2.connectedComponents(line, connectivity=8)[0] == 2  # and the background


def turned(image, degrees):
    matrix = cv2.getRotationMatrix2D((image.shape[1] / 2, image.shape[0] / 2), degrees, 1.0)
    return cv2.warpAffine(image, matrix, image.shape[::-1], borderValue=240)


@pytest.mark.parametrize("pen_width", [2.0, None])
@pytest.mark.parametrize("degrees", [-40, -12, 25])
def test_long_signatures_are_laid_level(degrees, pen_width):
    paper = np.pad(scan(), ((150, 150), (30, 30)), constant_values=240)
    level, tilted = (
        normalize(image, deskew=True, pen_width=pen_width)
        for image in (paper, turned(paper, degrees))
    )
    assert distance(level, tilted) < 0.03
    assert distance(level, normalize(turned(paper, degrees), pen_width=pen_width)) > 0.05


def test_what_is_not_long_or_stands_upright_is_not_turned():
    ring = np.full((200, 200), 240, np.uint8)
    cv2.ellipse(ring, (100, 100), (70, 55), 30, 0, 360, 60, 5)
    upright = np.rot90(scan()).copy()
    for image in (ring, upright):
        np.testing.assert_array_equal(normalize(image, deskew=True), normalize(image))
    hairline = np.full((100, 300), 240, np.uint8)
    cv2.line(hairline, (10, 90), (290, 40), 60, 1)
    rows, _ = np.nonzero(normalize(hairline, deskew=True) < 128)
    assert len(rows) > 0 and np.ptp(rows) <= 4
    dot = np.full((90, 90), 240, np.uint8)
    dot[40:43, 40:43] = 0
    np.testing.assert_array_equal(normalize(dot, deskew=True), normalize(dot))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"size": (0, 10)}, "size="),
        ({"size": (10, 10), "margin": 5}, "no room"),
        ({"pen_width": 0}, "pen_width"),
        ({"deskew": 3}, "deskew"),
    ],
)
def test_impossible_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        SignatureNormalizer(**params).fit([scan()])
