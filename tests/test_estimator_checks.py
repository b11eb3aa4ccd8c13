"""The public checks of estimators, tried on toy estimators: a right one, and ones with a fault."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.exceptions import SkipTestWarning
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from hwsk._data.images import check_images
from hwsk.preprocessing import Binarizer, SkipUnusable
from hwsk.utils.estimator_checks import NativeData, check_estimator, estimator_checks_generator
from hwsk.verification import SiameseVerifier


class InkClassifier(ClassifierMixin, BaseEstimator):
    """Classify images by their share of ink: what a stranger's first estimator may be."""

    _native_data = "writers"

    def _measure(self, X, *, reset):
        return np.array([(image < image.max() / 2).mean() for image in check_images(X, self)])

    def fit(self, X, y):
        """Learn the mean share of each class."""
        if y is None:
            raise ValueError("InkClassifier requires y to be passed, but the target y is None")
        ink, y = self._measure(X, reset=True), column_or_1d(y)
        check_consistent_length(ink, y)
        self.classes_ = np.unique(y)
        self.ink_ = np.array([ink[y == label].mean() for label in self.classes_])
        return self

    def predict_proba(self, X):
        check_is_fitted(self)
        near = np.exp(-np.abs(self._measure(X, reset=False)[:, None] - self.ink_))
        return near / near.sum(axis=1, keepdims=True)

    def predict_log_proba(self, X):
        return np.log(self.predict_proba(X))

    def predict(self, X):
        likely = self.predict_proba(X).argmax(axis=1)
        return self.classes_[likely]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        return tags


class DrawsGlobally(InkClassifier):
    def fit(self, X, y):
        np.random.random()  # noqa: NPY002
        return super().fit(X, y)


class KeepsData(InkClassifier):
    def fit(self, X, y):
        self.X_ = [np.array(image) for image in check_images(X)]
        return super().fit(X, y)


class KeepsReferences(InkClassifier):
    def fit(self, X, y):
        self.first_ = X[0]
        return super().fit(X, y)


class Remembers(InkClassifier):
    """Keep a copy of what it predicted from."""

    def predict_proba(self, X):
        self.__dict__.setdefault("seen", []).extend(np.array(image) for image in X)
        return super().predict_proba(X)


class ChangesParameter(InkClassifier):
    """Set a parameter in `fit`.

    Parameters
    ----------
    scale : int, default=None
        Changed by `fit`.
    """

    def __init__(self, scale=None):
        self.scale = scale

    def fit(self, X, y):
        self.scale = 1
        return super().fit(X, y)


class WritesOnImages(InkClassifier):
    def fit(self, X, y):
        for image in check_images(X):
            image[0, 0] = 0
        return super().fit(X, y)


class ForgetsLengths(InkClassifier):
    def fit(self, X, y):
        return super().fit(X[: len(y)], y[: len(X)])


class HasNoNames(TransformerMixin, BaseEstimator):
    """Give a table without the names of its columns."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.array([[image.mean()] for image in check_images(X, self)])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


def failed(estimator, **options):
    records = check_estimator(estimator, on_fail=None, **options)
    return {record["check_name"] for record in records if record["status"] == "failed"}


def test_a_toy_estimator_passes():
    records = check_estimator(InkClassifier(), on_fail=None)
    wrong = [(r["check_name"], r["exception"]) for r in records if r["status"] == "failed"]
    assert not wrong
    assert sum(record["status"] == "passed" for record in records) >= 40


@pytest.mark.parametrize(
    ("faulty", "check"),
    [
        (DrawsGlobally(), "check_global_generators_are_untouched"),
        (KeepsData(), "check_fitted_size_does_not_grow"),
        (KeepsReferences(), "check_no_data_is_kept"),
        (Remembers(), "check_memory_is_flat"),
        (ChangesParameter(), "check_parameters_are_untouched"),
        (WritesOnImages(), "check_samples_are_untouched"),
        (ForgetsLengths(), "check_consistent_lengths"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_fault_is_found(faulty, check):
    assert check in failed(faulty)


def test_names_of_columns_are_asked_for():
    found = failed(HasNoNames(), data="writers")
    assert {
        "check_transformer_get_feature_names_out",
        "check_set_output_transform_pandas",
    } <= found


def test_hwsk_s_own_estimators_know_their_input():
    assert SiameseVerifier()._native_data == "pairs"
    assert SkipUnusable(SiameseVerifier())._native_data == "pairs"
    names = [name for name, _ in estimator_checks_generator(Binarizer())]
    assert len(names) == len(set(names)) > 50


def test_unknown_input_is_an_error():
    class Unknown(InkClassifier):
        _native_data = None

    with pytest.raises(ValueError, match="the kind of input of Unknown is None; pass data="):
        check_estimator(Unknown())
    with pytest.raises(ValueError, match="is 'sounds'"):
        check_estimator(InkClassifier(), data="sounds")


def test_own_data():
    rng = np.random.default_rng(0)
    X = [rng.integers(0, 256, (9, 12 + i), np.uint8) for i in range(10)]
    data = NativeData(X, list("ab") * 5, X[:4], list("abab"), images=True)
    assert data.rows([0, 3])[1] == ["a", "b"]
    assert not failed(InkClassifier(), data=data)


def test_on_fail():
    with pytest.raises(AssertionError) as caught:
        check_estimator(ChangesParameter())
    assert caught.value.__notes__ == ["check_parameters_are_untouched of ChangesParameter()"]
    with pytest.warns(UserWarning, match="check_parameters_are_untouched fails"):
        check_estimator(ChangesParameter(), on_fail="warn")
    with pytest.raises(ValueError, match="on_fail='ignore'; choose one of 'raise', 'warn', None"):
        check_estimator(InkClassifier(), on_fail="ignore")


def test_an_expected_failure_has_its_reason():
    reason = {"check_global_generators_are_untouched": "it is a toy"}
    records = check_estimator(DrawsGlobally(), expected_failed_checks=reason)
    by_name = {record["check_name"]: record for record in records}
    record = by_name["check_global_generators_are_untouched"]
    assert (record["status"], record["expected_to_fail_reason"]) == ("xfail", "it is a toy")


def test_on_skip_and_callback():
    called = []
    with pytest.warns(SkipTestWarning) as warned:
        records = check_estimator(
            InkClassifier(), on_skip="warn", callback=lambda **record: called.append(record)
        )
    assert called == records
    skipped = [record["check_name"] for record in records if record["status"] == "skipped"]
    assert [str(warning.message).split()[0] for warning in warned] == skipped != []
    with pytest.raises(ValueError, match="on_skip='raise'"):
        check_estimator(InkClassifier(), on_skip="raise")
