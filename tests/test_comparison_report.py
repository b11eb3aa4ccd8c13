"""Test the report of a comparison: what it states, in HTML and PDF, and that it is reproducible."""

import hashlib
import os
import sys
from datetime import date

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import FeatureUnion, make_pipeline

from hwsk._data.decoding import read_image
from hwsk.datasets import make_handwriting
from hwsk.preprocessing import StrokeRasterizer
from hwsk.verification import HandComparer, HandComparison

DATE = date(2026, 11, 29)


class _Means(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.is_fitted_ = True
        return self

    def transform(self, X):
        return np.array([[image.mean(), image.std(), image.shape[1]] for image in X])


@pytest.fixture
def comparer(tmp_path):
    class Vectors(
        TransformerMixin, BaseEstimator
    ):  # what an image is like: its mean and its spread
        def fit(self, X, y=None):
            return self

        def transform(self, X):
            return np.array([[np.mean(image), np.std(image)] for image in map(load, X)])

        def __repr__(self):
            return "Vectors(<b>)"

    def load(image):
        return read_image(image) if isinstance(image, str) else image

    rng = np.random.default_rng(0)
    writers = np.repeat(np.arange(30), 4)
    images = (rng.normal(120, 5, (120, 12, 12)) + 3 * writers[:, None, None]).astype(np.uint8)
    return HandComparer(Vectors(), n_images=1, random_state=0).fit(images, writers)


@pytest.fixture
def comparison(comparer, tmp_path):
    rng = np.random.default_rng(1)
    for name in ("a", "b <i>"):
        image = rng.normal(120, 5, (12, 30)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"{name}.png"), image)
    return comparer.compare(str(tmp_path / "a.png"), str(tmp_path / "b <i>.png"))


def test_the_report_states_finding_limits_files_and_versions(comparison, tmp_path):
    comparison.to_html(tmp_path / "r.html", date=DATE, details={"model": "m.hwsk"})
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Comparison of two samples of handwriting, 2026-11-29" in html
    assert comparison.explanation.splitlines()[0] in html
    n_writers = comparison.basis["writers"]
    assert f"Calibrated on {n_writers} writers" in html and f"between 1/{n_writers}" in html
    for name, shown in (("a", "a.png"), ("b <i>", "b &lt;i&gt;.png")):
        digest = hashlib.sha256((tmp_path / f"{name}.png").read_bytes()).hexdigest()
        assert f"<td>{shown}</td><td>30 x 12</td><td>{digest}</td>" in html
    assert html.count("<img") == 2 and "<td>m.hwsk</td>" in html and "scikit-learn" in html
    assert "Vectors(&lt;b&gt;)" in html and "nothing of a forgery" in html
    assert html.count('class="found"') == 1


@pytest.mark.parametrize("ending", ["html", "pdf"])
def test_a_report_is_reproducible_but_for_its_date(comparison, tmp_path, ending):
    def write(name, day):
        path = tmp_path / f"{name}.{ending}"
        getattr(comparison, f"to_{ending}")(path, date=day)
        return path.read_bytes()

    assert write("one", DATE) == write("two", DATE)
    assert write("one", DATE) != write("three", date(2026, 11, 30))


def test_the_pdf_has_the_words(comparison, tmp_path):
    pdfium = pytest.importorskip("pypdfium2")
    comparison.to_pdf(tmp_path / "r.pdf", date=DATE)
    pdf = pdfium.PdfDocument(tmp_path / "r.pdf")
    text = " ".join(page.get_textpage().get_text_bounded() for page in pdf)
    pdf.close()
    words = " ".join(text.split())
    assert " ".join(comparison.explanation.splitlines()[0].split()) in words
    assert "b <i>.png" in words and "Limits" in words


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="names are Unicode")
@pytest.mark.parametrize("ending", ["html", "pdf"])
def test_names_that_are_not_utf8_are_escaped(comparer, comparison, tmp_path, ending):
    odd = tmp_path / os.fsdecode(b"\xff\xe9\n\xc3\xa9.png")
    (tmp_path / "a.png").rename(odd)
    found = comparer.compare(str(odd), str(tmp_path / "b <i>.png"))
    path = tmp_path / f"r.{ending}"
    getattr(found, f"to_{ending}")(path, date=DATE, details={"model": odd.name})
    if ending == "html":
        html = path.read_text(encoding="utf-8")
        assert "<td>\\udcff\\udce9\\né.png</td>" in html
        assert "<td>\\udcff\\udce9 é.png</td>" in html  # among the details
    else:
        assert path.read_bytes().startswith(b"%PDF")


def test_the_scale_marks_the_finding(tmp_path):
    for ratio, row, words in (
        (1.5, "1 to 2", "found"),
        (1 / 30, "10 to 100", "found, for different writers"),
        (2e6, "1,000,000 and more", "found, for the same writer"),
    ):
        medians = {"same_writer": [1.0], "different_writers": [2.0]}
        distances = pd.DataFrame({"distance": [1.0], **medians})
        comparison = HandComparison(
            np.log(ratio),
            np.log(ratio),
            distances,
            pd.DataFrame({"log_likelihood_ratio": []}),
            (1, 2),
        )
        comparison.to_html(tmp_path / "r.html", date=DATE)
        html = (tmp_path / "r.html").read_text(encoding="utf-8")
        marked = html.split('<tr class="found">')[1].split("</tr>")[0]
        assert f"<td>{row}</td>" in marked and f"<td>{words}</td>" in marked
        assert "Side B: 2 samples, not kept." in html


def test_what_is_wrong_is_named(comparer, comparison, tmp_path):
    with pytest.raises(ValueError, match=r"r\.txt' does not end in \.html"):
        comparison.to_html(tmp_path / "r.txt")
    with pytest.raises(ValueError, match=r"r\.html' does not end in \.pdf"):
        comparison.to_pdf(tmp_path / "r.html")
    path = str(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"image 0 of a .*a\.png.* and image 1 of b .*identical"):
        comparer.compare(path, [str(tmp_path / "b <i>.png"), path])
    image = np.full((12, 12), 7, np.uint8) - np.eye(12, dtype=np.uint8) * 7
    with pytest.raises(ValueError, match="image 0 of a and image 0 of b are identical: a copy"):
        comparer.compare(image, image.copy())
    with pytest.raises(ValueError, match="image 1 of b has no ink: there is nothing to see"):
        comparer.compare(
            path, [path.replace("a.png", "b <i>.png"), np.full((12, 12), 255, np.uint8)]
        )


@pytest.mark.parametrize("shared", [True, False])
def test_strokes_are_reported_as_the_images_drawn_of_them(shared, tmp_path):
    words = make_handwriting(48, texts=["on"], n_writers=12, random_state=0)
    last = FeatureUnion([("means", _Means())]) if shared else _Means()
    comparer = HandComparer(make_pipeline(StrokeRasterizer(height=24), last), n_images=1)
    comparer.fit(words.strokes, words.writer)
    comparison = comparer.compare(words.strokes[0], list(words.strokes[1:3]))
    comparison.to_html(tmp_path / "r.html", date=DATE)
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    if shared:
        assert html.count("<img") == 3 and "x 24</td>" in html
    else:  # what the steps make of them on the way is not known here
        assert "Side B: 2 samples, not kept." in html


def test_a_report_of_images_that_were_changed_afterwards_is_refused(comparer, tmp_path):
    words = make_handwriting(3, texts=["and"], n_writers=2, height=40, random_state=3).images
    for name, image in zip("abc", words, strict=True):
        cv2.imwrite(str(tmp_path / f"{name}.png"), image)
    a, b = str(tmp_path / "a.png"), str(tmp_path / "b.png")
    comparison = comparer.compare(a, b)
    comparison.to_html(tmp_path / "before.html", date=DATE)
    (tmp_path / "a.png").write_bytes((tmp_path / "c.png").read_bytes())
    with pytest.raises(ValueError, match=r"a\.png on side A is not the image that was compared"):
        comparison.to_html(tmp_path / "after.html", date=DATE)
    assert not (tmp_path / "after.html").exists()


def test_a_report_shows_arrays_as_they_were(comparer, tmp_path):
    one, other = make_handwriting(2, texts=["and"], n_writers=2, height=40, random_state=3).images
    one = one.copy()
    comparison = comparer.compare(one, other)
    comparison.to_html(tmp_path / "before.html", date=DATE)
    one[:] = 255
    comparison.to_html(tmp_path / "after.html", date=DATE)
    assert (tmp_path / "after.html").read_bytes() == (tmp_path / "before.html").read_bytes()
