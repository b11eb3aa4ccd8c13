"""Images that can't be used, in `fit` and in prediction: left out, and the rows kept."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline

import hwsk
from hwsk.datasets import load_lines, make_handwriting
from hwsk.identification import WriterClassifier
from hwsk.preprocessing import Grayscale, HeightNormalizer, SkipUnusable
from hwsk.recognition import CTCRecognizer
from hwsk.verification import SiameseVerifier


class Recorder(BaseEstimator):
    """Keep what arrives."""

    def fit(self, X, y=None, groups=None):
        self.seen_ = len(list(X)), list(y), None if groups is None else list(groups)
        return self

    def predict(self, X):
        return np.arange(len(X))

    def transform(self, X):
        return np.ones((len(X), 2), np.float32)

    def predict_details(self, X):
        return [{"n": i} for i in range(len(X))]


@pytest.fixture
def paths(tmp_path):
    """Rows 1 (empty), 3 (HTML), 4 (missing) and 5 (cut short) of 7 can't be used."""
    made = make_handwriting(7, texts=["one two"], n_writers=2, height=32, random_state=0)
    found = [tmp_path / f"{i}.png" for i in range(7)]
    for path, image in zip(found, made.images, strict=True):
        Image.fromarray(image).save(path)
    found[1].write_bytes(b"")
    found[3].write_text("<!DOCTYPE html><html><body>404</body></html>")
    found[4].unlink()
    found[5].write_bytes(found[5].read_bytes()[:200])
    return [str(path) for path in found]


BAD = r"4 of 7 images are left out of {}, rows 1, 3, 4, 5 \(.*1\.png, .*\).*row 1: .*0 bytes"


def test_fit_and_prediction_keep_the_rows(paths):
    model = SkipUnusable(Recorder())
    with pytest.warns(UserWarning, match=BAD.format("fit")):
        model.fit(paths, list("abcdefg"), groups=range(7))
    assert model.estimator_.seen_ == (3, ["a", "c", "g"], [0, 2, 6])
    with pytest.warns(
        UserWarning, match=BAD.format("predict").replace(r"\).*row", r"\); their results are.*row")
    ):
        found = model.predict(np.array(paths))
    np.testing.assert_array_equal(found, [0, np.nan, 1, np.nan, np.nan, np.nan, 2])
    with pytest.warns(UserWarning, match="left out of transform"):
        assert np.isnan(model.transform(paths)).all(axis=1).tolist() == [0, 1, 0, 1, 1, 1, 0]
    with pytest.warns(UserWarning, match="left out of predict_details"):
        assert model.predict_details(paths)[:3] == [{"n": 0}, None, {"n": 1}]


def test_a_pipeline_reads_the_rest(paths):
    recognizer = CTCRecognizer(
        32, channels=(4, 4, 4), dense_units=8, hidden_units=8, max_epochs=1, random_state=0
    )
    pipeline = make_pipeline(Grayscale(), HeightNormalizer(32), recognizer)
    with pytest.warns(UserWarning, match="left out of fit"):
        model = SkipUnusable(pipeline).fit(paths, ["one two"] * 7)
    fitted = SkipUnusable(model.estimator_)  # what is fitted already predicts
    with pytest.warns(UserWarning, match="left out of predict"):
        assert [fitted.predict(paths)[row] for row in (1, 3, 4, 5)] == [""] * 4
    with pytest.warns(UserWarning, match="left out of score"):
        assert model.score(paths, ["one two"] * 7) <= 1
    with pytest.raises(ValueError, match="4 of 7 images can't be used, rows 1, 3, 4, 5"):
        SkipUnusable(pipeline, on_error="raise").fit(paths, ["one two"] * 7)


def test_classes_and_pairs(paths):
    writers = ["a", "b", "b", "b", "a", "a", "a"]
    classifier = WriterClassifier(patch_size=16, n_patches=1, max_epochs=1, random_state=0)
    with pytest.warns(UserWarning, match="left out of fit"):
        model = SkipUnusable(classifier).fit(paths, writers)
    assert list(model.classes_) == ["a", "b"]
    with pytest.warns(UserWarning, match="left out of predict"):
        assert np.isnan(model.predict_proba(paths)).all(axis=1).sum() == 4
        assert (model.predict(paths) == "").sum() == 4
    verifier = SiameseVerifier(
        channels=(2, 2, 2, 2), embedding_dim=4, max_epochs=1, image_size=(16, 32), random_state=0
    )
    pairs = [[paths[0], paths[2]], [paths[0], paths[1]], [paths[0], paths[6]]]
    with pytest.warns(UserWarning, match="1 of 3 rows is left out of fit, rows 1"):
        model = SkipUnusable(verifier).fit(pairs, [0, 0, 1])
    with pytest.warns(UserWarning, match="1 of 3 rows is left out of decision_function"):
        assert np.isnan(model.decision_function(pairs)).tolist() == [False, True, False]


def test_nothing_left(paths):
    with pytest.raises(ValueError, match=r"none of 2 images can be used; row 0: .*0 bytes"):
        SkipUnusable(Recorder()).fit([paths[1], paths[1]], [0, 1])


@pytest.mark.parametrize("as_arrays", [False, True])
def test_loaders_leave_out_what_is_not_an_image(paths, tmp_path, as_arrays):
    for i in range(7):
        (tmp_path / f"{i}.gt.txt").write_text("one two")
    with pytest.warns(UserWarning) as caught:
        lines = load_lines(tmp_path, as_arrays=as_arrays)
    assert sorted(lines.ids) == ["0.png", "2.png", "6.png"]
    assert sum("3 images that can't be used" in str(w.message) for w in caught) == 1
    with pytest.raises(ValueError, match="3 of 6 images can't be used"):
        load_lines(tmp_path, as_arrays=as_arrays, on_error="raise")


def test_it_is_saved(paths, tmp_path):
    recognizer = CTCRecognizer(
        16, channels=(4, 4, 4), dense_units=8, hidden_units=8, max_epochs=1, random_state=0
    )
    with pytest.warns(UserWarning, match="left out of fit"):
        model = SkipUnusable(recognizer).fit(paths, ["one two"] * 7)
    hwsk.save(model, tmp_path / "model.hwsk")
    with pytest.warns(UserWarning, match="left out of predict"):
        assert list(hwsk.load(tmp_path / "model.hwsk").predict(paths)) == list(model.predict(paths))


class Named(Recorder):
    """Give a table with names, and predictions as a DataFrame."""

    def predict(self, X):
        return pd.DataFrame({"n": np.arange(len(X))}, index=range(10, 10 + len(X)))

    def predict_log_proba(self, X):
        return np.zeros((len(X), 2))

    def get_feature_names_out(self, input_features=None):
        return np.array(["a", "b"])

    def set_output(self, *, transform=None):
        self.output = transform
        return self


@pytest.mark.filterwarnings("ignore:4 of 7 images are left out")
def test_tables_keep_the_rows(paths):
    model = SkipUnusable(Named()).fit(paths, list("abcdefg"))
    assert not hasattr(SkipUnusable(Recorder()), "set_output")
    assert model.set_output(transform="pandas") is model
    assert model.estimator.output == model.estimator_.output == "pandas"
    assert list(model.get_feature_names_out()) == ["a", "b"]
    assert np.isnan(model.predict_log_proba(paths)).sum() == 8
    found = model.predict(paths)
    assert list(found.index) == list(range(7))
    np.testing.assert_array_equal(found["n"], [0, np.nan, 1, np.nan, np.nan, np.nan, 2])
