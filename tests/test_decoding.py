"""Image files and Pillow images of every kind: taken alike, or refused by name."""

import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from hwsk._data.decoding import gray_image, read_image
from hwsk._data.images import check_images
from hwsk._data.scan import scan_images
from hwsk.datasets import make_handwriting
from hwsk.preprocessing import Grayscale

LINE = make_handwriting(1, level="line", random_state=0).images[0]


def in_mode(mode: str) -> Image.Image:
    line = Image.fromarray(LINE)
    if mode == "I;16":
        return Image.fromarray(LINE.astype(np.uint16) * 257)
    return line.convert("LA").convert(mode) if mode in ("PA", "La") else line.convert(mode)


MODES = ["1", "L", "P", "PA", "LA", "La", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"]


@pytest.mark.parametrize("mode", [*MODES, "I;16", "I", "F"])
def test_pillow_images_of_every_mode(mode, tmp_path):
    image = in_mode(mode)
    gray = gray_image(image)
    wanted = np.where(LINE > 127, 255, 0) if mode == "1" else LINE
    if mode != "1":  # which dithers
        np.testing.assert_allclose(gray.astype(float), wanted, atol=8)
    try:
        image.save(tmp_path / "a.tif")
    except OSError:  # TIFF does not hold that mode
        return
    np.testing.assert_allclose(read_image(tmp_path / "a.tif").astype(float), gray, atol=8)


@pytest.mark.filterwarnings("ignore:.*several pages or frames")
@pytest.mark.parametrize(("wider_by", "default_image"), [(90, False), (0, True)])
def test_frames_of_a_png_do_not_mix(wider_by, default_image, tmp_path):
    """OpenCV lays part of a wider second frame over the first, or takes it instead."""
    second = Image.fromarray(np.pad(255 - LINE, ((0, 0), (0, wider_by))))
    Image.fromarray(LINE).save(
        tmp_path / "a.png", save_all=True, append_images=[second], default_image=default_image
    )
    frame = read_image(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(frame, image.convert("L"))
    np.testing.assert_array_equal(frame[:, : LINE.shape[1]], LINE)


def test_transparency_is_laid_on_white(tmp_path):
    transparent = Image.fromarray(np.zeros_like(LINE)).convert("RGBA")
    transparent.putalpha(Image.fromarray(255 - LINE))  # black ink, no paper
    for mode in ("RGBA", "LA", "PA"):
        image = transparent.convert(mode)
        if image.convert("RGBA").getextrema()[3] == (255, 255):
            continue  # Pillow before 12 loses the transparency with "PA"
        np.testing.assert_allclose(gray_image(image), LINE, atol=1)
        image.save(tmp_path / "a.tif")
        np.testing.assert_allclose(read_image(tmp_path / "a.tif"), LINE, atol=1)
    palette = Image.fromarray(np.where(LINE > 127, 1, 0).astype(np.uint8), "P")
    palette.putpalette([0, 0, 0, 9, 9, 9])
    palette.info["transparency"] = 1
    palette.save(tmp_path / "a.png", transparency=1)
    wanted = np.where(LINE > 127, 255, 0)
    np.testing.assert_array_equal(gray_image(palette), wanted)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), wanted)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_orientation_is_honoured_in_every_format(kind, orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    # Pillow garbles turned TIFFs that it maps into memory, which it does without compression.
    options = {"WEBP": {"lossless": True}, "TIFF": {"compression": "tiff_lzw"}}
    options = options.get(kind, {"quality": 100})
    picture = np.linspace(0, 255, 20 * 32).reshape(20, 32).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "a", kind, exif=exif, **options)
    with Image.open(tmp_path / "a") as image:
        wanted = np.asarray(ImageOps.exif_transpose(image).convert("L")).astype(int)
        assert np.abs(gray_image(image).astype(int) - wanted).max() < 8
    got = read_image(tmp_path / "a").astype(int)
    assert got.shape == wanted.shape == ((32, 20) if orientation > 4 else (20, 32))
    assert np.abs(got - wanted).max() < 8


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_fewer_bits_in_16_are_scaled_and_said(bits, tmp_path):
    deep = (LINE.astype(np.uint32) * (2**bits - 1) // 255).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "a.tif")
    said = rf"1 of 1 images holds 16-bit values below {2**bits}, scaled as {bits}-bit ones"
    with pytest.warns(UserWarning, match=said) as caught:
        gray = read_image(tmp_path / "a.tif")
    assert str(tmp_path / "a.tif") in str(caught[0].message) and caught[0].filename == __file__
    np.testing.assert_allclose(gray, LINE, atol=1)
    images = [LINE, deep, np.dstack([deep] * 3)]
    with pytest.warns(UserWarning, match=r"2 of 3 images hold 16-bit .*, rows 1, 2$"):
        found = Grayscale("keep").transform(images)
    for image in found:
        np.testing.assert_allclose(image, LINE, atol=1)


def test_all_16_bits_are_said_nothing_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(
            Grayscale("keep").transform([LINE.astype(np.uint16) * 257])[0], LINE
        )


@pytest.mark.parametrize("name", ["a.tif", "a.gif", "a.webp"])
def test_several_pages_in_one_file_are_said(name, tmp_path):
    pages = [Image.fromarray(LINE), Image.fromarray(255 - LINE)]
    pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:])
    Image.fromarray(LINE).save(tmp_path / "one.png")
    said = rf"1 of 2 images holds several pages .*the first is taken, rows 1 \(.*{name}\)"
    with pytest.warns(UserWarning, match=said):
        scan = scan_images(check_images([tmp_path / "one.png", tmp_path / name]))
    np.testing.assert_allclose(scan.kept[1].astype(int), LINE, atol=60)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_that_claims(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(60_000, 60_000), (30_000, 30_000), (2**31 - 1, 1)])
def test_too_many_pixels_are_refused_before_they_are_decoded(size, tmp_path):
    (tmp_path / "huge.png").write_bytes(png_that_claims(*size))
    with pytest.raises(ValueError, match=r"huge\.png is too large.*MAX_IMAGE_PIXELS"):
        read_image(tmp_path / "huge.png")


def test_the_limit_of_pixels_is_pillows(tmp_path, monkeypatch):
    Image.fromarray(LINE).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", LINE.size // 2 + 1)
    with pytest.warns(Image.DecompressionBombWarning):
        assert read_image(tmp_path / "a.png").shape == LINE.shape
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", LINE.size // 2 - 1)
    with pytest.raises(ValueError, match=r"a\.png is too large"):
        read_image(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert read_image(tmp_path / "a.png").shape == LINE.shape


def test_damaged_files_are_value_errors_that_name_the_file(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "damaged.img"
    for kind in ("PNG", "TIFF", "JPEG", "WEBP", "BMP", "GIF"):
        Image.fromarray(LINE[:, :80]).save(path, kind)
        whole = path.read_bytes()
        for _ in range(25):
            content = bytearray(whole[: rng.integers(len(whole))] if rng.random() < 0.5 else whole)
            for place in rng.integers(0, max(1, min(len(content), 200)), 5) if content else ():
                content[place] = rng.integers(256)
            path.write_bytes(content)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    image = read_image(path)
            except ValueError as error:
                assert "damaged.img" in str(error) and len(str(error)) < 1000
            else:
                assert image.ndim == 2


def test_only_regular_files(tmp_path):
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    for path in ("/dev/zero", pipe):
        with pytest.raises(ValueError, match="is not a regular file"):
            read_image(path)


def test_bytes_and_long_values_are_cut_in_messages():
    for image in (b"\x89PNG" * 100_000, bytearray(300_000), ["x" * 300_000], "\0" * 1000):
        with pytest.raises((ValueError, OSError)) as caught:
            list(Grayscale().transform([image]))
        assert len(str(caught.value)) < 400
    with pytest.raises(ValueError, match=r"image 0 is bytes of length 400000.*PIL\.Image\.open"):
        Grayscale().transform([b"\x89PNG" * 100_000])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Image.DecompressionBombError("Image size is large."), "is too large: Image size is large"),
        (OSError("broken data stream"), "mode L that can't be decoded: broken data"),
        (EOFError("no more frames"), "mode L that can't be decoded: no more"),
        (struct.error("unpack needs 4 bytes"), "mode L that can't be decoded: unpack"),
    ],
)
def test_errors_of_opened_pillow_images_name_the_row(error, said):
    class Opened(Image.Image):  # decodes when it is asked for pixels
        mode = "L"

        def getexif(self):
            raise error

    with pytest.raises(ValueError, match=f"image 1 .*{said}"):
        check_images([np.zeros((9, 9)), Opened()])[1]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/dev/zero", "/dev/zero is not a regular file, but a device"),
        ("/proc/self/mem", "/proc/self/mem is empty"),
        ("/tmp", "/tmp is a folder, not a file"),
        ("a\0b", r"'a\\x00b' is not a file path: it contains a null character"),
        ("a\ud800b", r"'a\\ud800b' is not a file path: 'utf-8' codec can't encode"),
    ],
)
def test_what_is_no_file_of_an_image_is_said(path, said):
    if path.startswith("/") and not os.path.exists(path):
        pytest.skip(f"there is no {path}")
    with pytest.raises(ValueError, match=f"^{said}"):
        read_image(path)
