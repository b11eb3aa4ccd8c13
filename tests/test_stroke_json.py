"""`load_strokes` of JSON: the layouts that are read, and what is refused."""

import json

import pytest

from hwsk.datasets import load_strokes

OFFSETS = [[0, 0, 0], [3, 4, 1], [7, -9, 1]]


@pytest.fixture
def load(tmp_path):
    def load(content, **options):
        file = tmp_path / "own.json"
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            file.write_text(content if isinstance(content, str) else json.dumps(content))
        return load_strokes(file, **{"x_height": None, "spacing": None} | options)

    return load


@pytest.mark.parametrize(
    "strokes",
    [
        [[[10, 10], [13, 14]], [[20, 5]]],
        [[[10, 10, 0.5, 1], [13, 14, 0.7, 2]], [[20, 5]]],
        [{"x": [10, 13], "y": [10, 14], "t": [0, 1]}, {"x": [20], "y": [5]}],
        [[{"x": 10, "y": 10, "pressure": 1}, {"x": 13, "y": 14}], [{"x": 20, "y": 5}]],
        [[], {"x": [10.0, 13.0], "y": [10, 14]}, [[20, 5]], []],
    ],
)
def test_layouts(load, strokes):
    assert load(strokes).tolist() == OFFSETS
    assert load({"strokes": strokes, "width": 300}).tolist() == OFFSETS


def test_a_dot_alone_and_resampling(load):
    assert load([[[5, 5]]], spacing=0.17).tolist() == [[0, 0, 1]]
    assert load([[[5, 5], [5, 5]]], spacing=0.17).tolist() == [[0, 0, 0], [0, 0, 1]]
    assert len(load([[[0, 0], [0, 10]]], spacing=0.1)) == 11


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"own\.json is not JSON"),
        ("[[[1, 2]", r"own\.json is not JSON"),
        (b"\xff\xfe\x00", r"own\.json is not JSON"),
        ("[" * 100_000, r"own\.json: lists in lists are too deep"),
        ("3", r"own\.json holds no strokes: expected a list of strokes"),
        ({"ink": []}, r"own\.json holds no strokes"),
        ([], r"own\.json holds no ink"),
        ([[], {"x": [], "y": []}], r"own\.json holds no ink"),
        ([[[1, 2]], 7], r"own\.json, stroke 1 is 7"),
        ([[[1, 2], [3]]], r"own\.json, stroke 0, point 1 is \[3\]"),
        ([[1, 2]], r"own\.json, stroke 0, point 0 is 1"),
        ([{"x": [1], "z": [1]}], r'own\.json, stroke 0 has no lists "x" and "y"'),
        ([{"x": [1, 2], "y": [1]}], r"own\.json, stroke 0 has 2 values x, and 1 values y"),
        ([[[1, "2"]]], r'own\.json, stroke 0, point 0: "2" is not a number'),
        ([[[1, True]]], r"own\.json, stroke 0, point 0: true is not a number"),
        ([[[1, None]]], r"own\.json, stroke 0, point 0: null is not a number"),
        ("[[[1, NaN]]]", r"coordinates are too large, or no numbers"),
        ("[[[1, 1e400]]]", r"coordinates are too large, or no numbers"),
        (f"[[[1, {10**400}]]]", r"stroke 0: coordinates are too large"),
    ],
)
def test_what_is_refused(load, content, message):
    with pytest.raises(ValueError, match=message):
        load(content)


def test_limits(load):
    strokes = [[[i, i] for i in range(50)]]
    assert len(load(strokes, max_points=50)) == 50
    with pytest.raises(ValueError, match="stroke 0: the file has more than 40 points"):
        load(strokes, max_points=40)
    with pytest.raises(ValueError, match="bytes, too many for 40 points"):
        load(json.dumps(strokes) + " " * 30_000, max_points=40)
    with pytest.raises(ValueError, match="points would be needed, more than max_points"):
        load([[[0, 0], [1, 5], [2, 0], [3, 5], [1e12, 0]]], spacing=0.17)
