"""What counts as an image, decoding, lazy sequences."""

import io
import pickle
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow
from PIL import PngImagePlugin, features
from sklearn.compose import ColumnTransformer
from sklearn.utils import Bunch, _safe_indexing

from hwsk._data.decoding import decode_image, gray_image, read_image
from hwsk._data.images import (
    LazyImages,
    check_images,
    name_rows,
    object_array,
    pack_images,
    paper_level,
    resize_to_height,
)
from hwsk.preprocessing import HeightNormalizer


def smooth(height: int = 20, width: int = 30) -> np.ndarray:
    return np.linspace(0, 255, height * width).reshape(height, width).astype(np.uint8)


def encode(image: np.ndarray, kind: str = ".png") -> bytes:
    return cv2.imencode(kind, image)[1].tobytes()


def write(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


# --- one image


def test_read_image_formats(tmp_path):
    image = smooth()
    for kind in (".png", ".tif", ".bmp"):
        path = write(tmp_path / f"a{kind}", encode(image, kind))
        np.testing.assert_array_equal(read_image(path), image)
    jpeg = read_image(write(tmp_path / "a.jpg", encode(image, ".jpg")))
    assert np.abs(jpeg.astype(int) - image).max() < 12
    deep = image.astype(np.uint16) * 257
    np.testing.assert_array_equal(read_image(write(tmp_path / "deep.png", encode(deep))), image)


def test_read_image_colour_and_transparency(tmp_path):
    blue_green_red = np.zeros((2, 3, 3), np.uint8)
    blue_green_red[:, 0, 2] = blue_green_red[:, 1, 1] = blue_green_red[:, 2, 0] = 255
    image = read_image(write(tmp_path / "colour.png", encode(blue_green_red)))
    assert image.tolist() == [[76, 150, 29]] * 2  # red, green, blue by BT.601
    transparent = np.dstack([blue_green_red, np.uint8([[255, 0, 255]] * 2)])
    image = read_image(write(tmp_path / "alpha.png", encode(transparent)))
    assert image.tolist() == [[76, 255, 29]] * 2
    deep = transparent.astype(np.uint16) * 257
    image = read_image(write(tmp_path / "deep.png", encode(deep)))
    assert image.tolist() == [[76, 255, 29]] * 2


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("empty.png", b"", "0 bytes"),
        ("words.png", b"no image at all", "OpenCV"),
        ("cut.png", encode(smooth())[:-20], "cut short"),
        ("cut.jpg", encode(smooth(), ".jpg")[:-20], "cut short"),
        ("head.jpg", encode(smooth(), ".jpg")[:30], "cut short"),
    ],
)
def test_read_image_names_what_is_wrong(tmp_path, name, content, match):
    with pytest.raises(ValueError, match=rf"{name}.*{match}"):
        read_image(write(tmp_path / name, content))


def test_read_image_of_nothing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.png"):
        read_image(tmp_path / "missing.png")
    with pytest.raises(ValueError, match="folder"):
        read_image(tmp_path)


def with_thumbnail(jpeg: bytes) -> bytes:
    """A JPEG with another one inside its header, as cameras write it."""
    thumbnail = encode(smooth(4, 4), ".jpg")
    segment = b"\xff\xe1" + (2 + len(thumbnail)).to_bytes(2, "big") + thumbnail
    return jpeg[:2] + segment + jpeg[2:]


def test_jpeg_of_a_camera(tmp_path):
    jpeg = with_thumbnail(encode(smooth(), ".jpg"))
    expected = read_image(write(tmp_path / "plain.jpg", jpeg))
    behind = read_image(write(tmp_path / "behind.jpg", jpeg + bytes(1000)))  # phones do
    np.testing.assert_array_equal(behind, expected)
    padded = read_image(write(tmp_path / "padded.jpg", jpeg[:2] + b"\xff" + jpeg[2:]))
    np.testing.assert_array_equal(padded, expected)
    with pytest.raises(ValueError, match="cut short"):
        read_image(write(tmp_path / "cut.jpg", jpeg[:-20]))


def test_jpeg_of_a_phone_held_upright(tmp_path):
    """EXIF says which side is up: here, that the picture is to be turned right by 90 degrees."""
    image = smooth(16, 32)
    exif = (
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01"  # big-endian TIFF, one entry:
        b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation, a short, 6
    )
    jpeg = encode(image, ".jpg")
    segment = b"\xff\xe1" + (2 + len(exif)).to_bytes(2, "big") + exif
    turned = read_image(write(tmp_path / "turned.jpg", jpeg[:2] + segment + jpeg[2:]))
    plain = read_image(write(tmp_path / "plain.jpg", jpeg))
    np.testing.assert_array_equal(turned, np.rot90(plain, -1))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ([[True, False]], [[255, 0]]),
        ([[0, 255]], [[0, 255]]),
        (np.int64([[0, 255]]), [[0, 255]]),
        (np.uint16([[0, 65535, 257]]), [[0, 255, 1]]),
        (np.uint8([[[7], [9]]]), [[7, 9]]),
        (np.uint8([[[7, 255], [9, 0]]]), [[7, 255]]),  # grey and alpha
        (np.uint8([[[7, 7, 7], [9, 9, 9]]]), [[7, 9]]),
    ],
)
def test_gray_image_of_integers(image, expected):
    gray = gray_image(image)
    assert gray.dtype == np.uint8
    assert gray.tolist() == expected


def test_gray_image_of_floats():
    assert gray_image(np.float64([[0.25, 1]])).dtype == np.float32
    colour = gray_image(np.full((2, 2, 4), 0.5))
    np.testing.assert_allclose(colour, 0.75, rtol=1e-6)  # half transparent on white


@pytest.mark.parametrize(
    ("image", "match"),
    [
        (np.zeros(3), r"shape \(3,\)"),
        (np.zeros((2, 2, 5)), r"shape \(2, 2, 5\)"),
        (np.zeros((0, 3)), "no pixels"),
        ([[0, 256]], "0 to 256"),
        ([[-1, 0]], "-1 to 0"),
        ([[0.0, np.nan]], "row 0, column 1"),
        ([[0.0], [np.inf]], "row 1, column 0"),
        ([["a"]], "dtype <U1"),
        ([[1j]], "dtype complex128"),
    ],
)
def test_gray_image_names_what_is_wrong(image, match):
    with pytest.raises(ValueError, match=rf"line 7.*{match}"):
        gray_image(image, "line 7")


def test_paper_level():
    assert paper_level(np.uint8([[3]])) == 255
    assert paper_level(np.float32([[0.5]])) == 1
    assert paper_level(np.float32([[16]])) == 16


@pytest.mark.parametrize("shape", [(1, 1), (1, 100), (100, 1), (40, 60), (41, 60), (16, 16)])
def test_resize_to_height(shape):
    image = np.full(shape, 7, np.uint8)
    resized = resize_to_height(image, 16)
    assert resized.shape == (16, max(1, round(shape[1] * 16 / shape[0])))
    assert (resized == 7).all()
    assert resize_to_height(resized, 16) is resized


# --- collections


def test_lazy_images_are_cut_without_decoding(tmp_path):
    images = LazyImages([str(tmp_path / f"{i}.png") for i in range(6)])  # not there
    assert images.decodes
    assert images.shape == (6,)
    for part in (images[[1, 3]], images[np.array([1, 3])], images[1:4:2], images[[1, 3], ...]):
        assert [Path(source).stem for source in part.sources] == ["1", "3"]
    mask = np.array([False, True, False, True, False, False])
    for rows in (mask, np.array([1, 3]), [1, 3], slice(1, 4, 2)):  # as scikit-learn's splitters do
        part = _safe_indexing(images, rows)
        assert isinstance(part, LazyImages)
        assert [Path(source).stem for source in part.sources] == ["1", "3"]
    with pytest.raises(FileNotFoundError, match=r"2\.png"):
        images[2]


def test_lazy_images_map(tmp_path):
    path = write(tmp_path / "a.png", encode(smooth()))
    images = LazyImages([path, smooth(4, 5)])
    smaller = images.map(lambda image: image[1:]).map(np.transpose)
    assert [image.shape for image in images] == [(20, 30), (4, 5)]
    assert [image.shape for image in smaller] == [(30, 19), (5, 3)]
    assert images[-1].shape == (4, 5)
    assert not LazyImages([smooth()]).decodes
    assert LazyImages([smooth()]).map(np.transpose).decodes


def test_images_made_of_others_keep_their_files(tmp_path):
    path = str(tmp_path / "a.png")
    made = LazyImages([smooth(), path, smooth()]).loaded([smooth(2, 3)] * 3)
    assert not made.decodes
    assert [made.name(row) for row in range(3)] == ["image 0", path, "image 2"]
    assert made[1:].map(np.transpose).file(0) == path
    assert name_rows(made[[2, 1]], [0, 1]) == f"0, 1 ({path})"


def test_lazy_images_pickle_small(tmp_path):
    path = write(tmp_path / "a.png", encode(smooth(200, 200)))
    copy = pickle.loads(pickle.dumps(LazyImages([path]).map(np.transpose)))
    assert len(pickle.dumps(copy)) < 1000
    np.testing.assert_array_equal(copy[0], smooth(200, 200).T)


@pytest.mark.parametrize(
    "X",
    [
        np.zeros((2, 4, 5), np.uint8),
        np.zeros((2, 4, 5, 3), np.uint8),
        [np.zeros((4, 5)), np.zeros((3, 9))],
        object_array([np.zeros((4, 5)), np.zeros((4, 5))]),
        pd.Series([np.zeros((4, 5)), np.zeros((4, 5))]),
        (np.zeros((4, 5)), np.zeros((4, 5))),
        [[[0, 255]], [[1, 2]]],
    ],
)
def test_check_images_of_images(X):
    images = check_images(X)
    assert not images.is_table
    assert len(images) == 2
    assert all(image.ndim == 2 for image in images)


def test_check_images_of_paths(tmp_path):
    paths = [write(tmp_path / f"{i}.png", encode(smooth(5, 4 + i))) for i in range(3)]
    for X in (paths, tuple(paths), np.array(paths), object_array(paths), pd.Series(paths),
              [Path(path) for path in paths], LazyImages(paths)):  # fmt: skip
        images = check_images(X)
        assert not images.is_table
        assert [image.shape for image in images] == [(5, 4), (5, 5), (5, 6)]


@pytest.mark.parametrize(
    "X", [np.zeros((3, 4)), [[0, 1], [2, 3]], pd.DataFrame({"a": [1.0], "b": [2.0]})]
)
def test_check_images_of_a_table(X):
    images = check_images(X, reset=True)
    assert images.is_table
    assert all(image.dtype == np.float32 for image in images)
    assert all(image.shape[0] == 1 for image in images)


@pytest.mark.parametrize(
    ("X", "error", "match"),
    [
        ("folder/a.png", ValueError, "list of paths"),
        ([], ValueError, "0 sample"),
        (np.zeros((0, 4, 4)), ValueError, "0 sample"),
        (np.float64(3), ValueError, "single value"),
        (3, TypeError, "int"),
        ((i for i in range(3)), TypeError, "generator"),
        ([0.0, 1.0], ValueError, "1D array"),
        (Bunch(images=[], text=[]), TypeError, "a Bunch of images, text; pass the images alone"),
    ],
)
def test_check_images_names_what_is_wrong(X, error, match):
    with pytest.raises(error, match=match):
        check_images(X)


def test_check_images_names_the_row():
    images = check_images([np.ones((2, 2)), np.array([[1, np.nan]])])
    with pytest.raises(ValueError, match=r"image 1 holds NaN.*row 0, column 1"):
        list(images)


def refuse(image):
    raise ValueError("too large")


def test_what_is_wrong_is_named_also_behind_steps(tmp_path):
    path = write(tmp_path / "a.png", encode(smooth()))
    images = check_images([None, np.ones((2, 2)), path])
    with pytest.raises(ValueError, match="image 0 is None; an image is"):
        list(images)
    lazy = images.map(refuse)
    with pytest.raises(ValueError, match=r"^image 1: too large"):
        lazy[1]
    with pytest.raises(ValueError, match=r"a\.png: too large"):
        lazy[2]


def test_pack_images():
    equal, unequal = [np.ones((1, 4)), np.zeros((1, 4))], [np.ones((1, 4)), np.ones((1, 5))]
    assert pack_images(equal, is_table=True).shape == (2, 4)
    assert pack_images(equal, stack=True).shape == (2, 1, 4)
    for images, kwargs in ((equal, {}), (unequal, {"stack": True}), (unequal, {"is_table": True})):
        packed = pack_images(images, **kwargs)
        assert packed.dtype == object
        assert packed.shape == (2,)


def test_a_string_too_long_for_a_path_is_cut_in_the_message():
    with pytest.raises(ValueError, match="is not a file path: File name too long") as raised:
        read_image("x" * 300_000)
    assert len(str(raised.value)) < 300


_XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{}"/>'
    "</rdf:RDF></x:xmpmeta>"
)
_FORMATS = ["PNG", "WEBP", "JPEG", "MPO", "TIFF", "AVIF"]


@pytest.mark.parametrize("form", _FORMATS)
@pytest.mark.parametrize("where", ["exif", "xmp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_followed_in_every_format(tmp_path, form, where, orientation):
    if form == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    if form == "TIFF" and where == "xmp":
        pytest.skip("a TIFF has a tag of its own")
    upright = np.full((40, 64), 255, np.uint8)
    upright[4:12, 4:28] = 0
    seen = {  # what the tag undoes
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: np.rot90(upright, 2).T,
        8: np.rot90(upright, -1),
    }[orientation]
    options = {"compression": "tiff_lzw"} if form == "TIFF" else {}
    if where == "exif":
        options["exif"] = Pillow.Exif()
        options["exif"][274] = orientation
    elif form == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", _XMP.format(orientation))
    else:
        options["xmp"] = _XMP.format(orientation).encode()
    path = tmp_path / "turned"
    Pillow.fromarray(np.ascontiguousarray(seen)).save(path, form, **options)
    with Pillow.open(path) as image:
        for found in (read_image(path), decode_image(path.read_bytes(), "x"), gray_image(image)):
            assert found.shape == upright.shape
            assert np.abs(found.astype(int) - upright).mean() < 4


@pytest.mark.parametrize("X", [[io.BytesIO(b"x")], [{}], [object()], [{"a": "b" * 300_000}]])
def test_what_is_no_image_is_named_by_its_row(X):
    with pytest.raises(ValueError, match=r"^image 0 is .{2,80}; an image is a 2-D array") as error:
        list(check_images(X))
    assert len(str(error.value)) < 200


def test_a_column_transformer_takes_a_column_of_paths(tmp_path):
    paths = [str(tmp_path / f"{i}.png") for i in range(3)]
    for i, path in enumerate(paths):
        Pillow.fromarray(smooth(20, 30 + i % 2)).save(path)
    table = pd.DataFrame({"path": paths, "n": range(3)})
    changed = ColumnTransformer([("images", HeightNormalizer(10), ["path"])]).fit_transform(table)
    assert changed.shape == (3, 1)
    expected = HeightNormalizer(10).fit_transform(paths)
    for found, image in zip(check_images(changed), expected, strict=True):
        np.testing.assert_array_equal(found, image)
