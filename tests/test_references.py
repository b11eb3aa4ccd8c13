"""Verification with several references: what is learnt, how thresholds adapt, what is refused."""

import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score

import hwsk
from hwsk.verification import ReferenceVerification
from hwsk.verification._references import ReferenceVerifierMixin, fit_references, reference_pairs

SPREADS = (0.5, 2.0)  # of steady writers, and of those who vary


class Pixels(ReferenceVerifierMixin, BaseEstimator):
    """Scores pairs of images by the negative distance of their first four pixels."""

    def __init__(self):
        self.fitted_ = True
        self.classes_ = np.array([0, 1])
        self.calibrated_with_ = {}
        self.parameters = {}

    def fit(self, X, y=None):
        return self

    def _pair_kind(self):
        return "images"

    def _comparison_parameters(self):
        return self.parameters

    def _score_pairs(self, pairs):
        return self._score_samples(pairs.entries, pairs.rows)

    def _score_samples(self, X, index):
        vectors = np.stack([np.ravel(image)[:4] for image in X]).astype(float)
        return -np.linalg.norm(vectors[index[:, 0]] - vectors[index[:, 1]], axis=1)


def make_signatures(n_writers=40, n_genuine=8, n_forged=6, seed=0):
    """Images of which four pixels matter: every second writer varies, forgers hit the middle."""
    rng = np.random.default_rng(seed)
    images, writers, forged = [], [], []
    for writer in range(n_writers):
        center, spread = rng.uniform(60, 180, 4), 10 * SPREADS[writer % 2]
        for i in range(n_genuine + n_forged):
            far = 1 if i < n_genuine else 2.5
            image = np.full((6, 6), 250.0)
            image[0, :4] = center + far * spread * rng.normal(size=4)
            images.append(np.clip(image, 0, 255))
            writers.append(f"w{writer}")
            forged.append(i >= n_genuine)
    return np.stack(images), np.array(writers), np.array(forged)


@pytest.fixture(scope="module")
def verifier():
    made = Pixels()
    made.calibrate_references(*make_signatures(), max_references=5, random_state=0)
    index = reference_pairs(*codes_of(*make_signatures()[1:]), np.random.RandomState(0))
    X, writers, forged = make_signatures()
    same = (writers[index[:, 0]] == writers[index[:, 1]]) & ~forged[index].any(axis=1)
    return made.calibrate_from_scores(made._score_samples(X, index), same.astype(int))


def codes_of(writers, forged):
    return np.unique(writers, return_inverse=True)[1].astype(np.int64), forged


def ask(verifier, n, seed=1):
    """Verify genuine and forged images of other writers; results, truth, and whose they are."""
    X, writers, forged = make_signatures(seed=seed)
    found, genuine = [], []
    for writer in np.unique(writers):
        own = np.flatnonzero((writers == writer) & ~forged)
        fake = np.flatnonzero((writers == writer) & forged)
        for row in [*own[n:], *fake]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found.append(verifier.verify(X[row], list(X[own[:n]])))
            genuine.append(not forged[row])
    return found, np.array(genuine)


def test_an_adapting_threshold_beats_one_for_all(verifier):
    found, genuine = ask(verifier, 5)
    adapted = np.array([one.probability for one in found])
    plain = np.array([one.score for one in found])
    assert roc_auc_score(genuine, adapted) > roc_auc_score(genuine, plain) + 0.05
    assert adapted[genuine].mean() > 0.6 > 0.4 > adapted[~genuine].mean()
    assert len({one.threshold for one in found}) == 40  # one a writer


def test_more_references_are_better(verifier):
    areas = []
    for n in (1, 2, 5):
        found, genuine = ask(verifier, n)
        areas.append(roc_auc_score(genuine, [one.probability for one in found]))
    assert areas[0] < areas[1] < areas[2]


def test_threshold_is_where_the_probability_is_a_half(verifier):
    found, _ = ask(verifier, 3)
    for one in found[:20]:
        assert one.same_writer == (one.probability >= 0.5)
        assert one.score == pytest.approx(one.pair_scores.mean())
        assert one.reference_scores.shape == (3, 3)
        assert np.isnan(np.diag(one.reference_scores)).all()
    assert verifier.reference_calibration_.shape == (4, 4)
    assert (verifier.reference_calibration_[:, 1] < 0).all()  # alike references: a higher threshold


def test_one_reference_is_a_pair(verifier):
    X, *_ = make_signatures()
    one = verifier.verify(X[0], [X[1]])
    assert one.score == verifier.pair_score([[X[0], X[1]]])[0]
    assert one.probability == pytest.approx(verifier.predict_proba([[X[0], X[1]]])[0, 1])
    assert one.threshold == verifier.threshold_


def test_more_references_than_calibrated_take_the_last_row(verifier):
    X, *_ = make_signatures()
    many = verifier.verify(X[7], list(X[:7]))
    slope, of_references, intercept, _ = verifier.reference_calibration_[-1]
    mean = np.nanmean(many.reference_scores)
    logit = slope * many.score + of_references * mean + intercept
    assert many.probability == pytest.approx(1 / (1 + np.exp(-logit)))


def test_references_of_two_writers_are_named(verifier):
    X, *_ = make_signatures()
    own, other = list(X[:3]), list(X[14:16])
    with pytest.warns(UserWarning, match=r"references 0, 1, 2 and 3, 4 \(from 0\) look like those"):
        verifier.verify(X[3], [*own, *other])
    with pytest.warns(UserWarning, match=r"references 0 and 1 \(from 0\) look like those of two"):
        verifier.verify(X[3], [own[0], other[0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verifier.verify(X[3], own)


@pytest.mark.parametrize(
    ("questioned", "references", "match"),
    [
        (0, [], "there is no reference: give one or more"),
        (0, [1, 0], "image 0 of the questioned and image 1 of the references are identical: a"),
        (0, [1, 2, 1], "image 0 of the references and image 2 of the references are identical: "),
        (0, [1, -1], "image 1 of the references has no ink"),
        (-1, [1, 2], "image 0 of the questioned has no ink"),
    ],
)
def test_what_is_refused(verifier, questioned, references, match):
    X, *_ = make_signatures()
    X = np.concatenate([X, np.full((1, 6, 6), 255.0)])
    with pytest.raises(ValueError, match=match):
        verifier.verify(X[questioned], [X[row] for row in references])


def test_calibration_is_asked_for_and_belongs_to_the_comparison():
    X, writers, forged = make_signatures(12)
    verifier = Pixels()
    with pytest.raises(NotFittedError, match=r"no calibration_ yet: call calibrate_threshold"):
        verifier.verify(X[0], [X[1]])
    with pytest.raises(NotFittedError, match=r"call calibrate_references\(X, writers, forged\)"):
        verifier.verify(X[0], [X[1], X[2]])
    verifier.calibrate_references(X, writers, forged, max_references=2)
    verifier.parameters = {"comparator": "another"}
    with pytest.raises(ValueError, match="call calibrate_references again, or set these back"):
        verifier.verify(X[0], [X[1], X[2]])
    verifier.set_threshold(0.0)
    assert not hasattr(verifier, "reference_calibration_")


def test_calibration_needs_writers_with_samples_that_differ():
    X, writers, forged = make_signatures(4)
    with pytest.raises(ValueError, match="4 writers have three genuine samples and others"):
        Pixels().calibrate_references(X, writers, forged)
    X, writers, forged = make_signatures(8)
    table = np.random.default_rng(0).normal(size=(len(X), len(X)))
    codes, _ = codes_of(writers, forged)
    table[np.ix_(~forged, forged)] += 9
    table[np.ix_(forged, ~forged)] += 9
    with pytest.raises(ValueError, match="genuine samples do not score higher than others"):
        fit_references(table, codes, forged, 3, 2, np.random.RandomState(0))


def test_random_forgeries_calibrate_where_there_are_no_skilled_ones():
    X, writers, forged = make_signatures(20)
    made = Pixels().calibrate_references(X[~forged], writers[~forged], random_state=0)
    assert len(made.reference_calibration_) == 6  # up to 7 references of 8
    assert made.verify(X[0], [X[1], X[2]]).probability > 0.5
    assert made.verify(X[14], [X[1], X[2]]).probability < 0.5


def test_a_network_verifies_and_is_saved_with_its_calibration(tmp_path):
    made = hwsk.datasets.make_signatures(6, n_genuine=4, n_forged=2, random_state=0)
    verifier = hwsk.SiameseVerifier(
        image_size=(32, 64), channels=(4, 4, 4, 4), max_epochs=1, random_state=0
    ).fit(made.images, made.writer)
    verifier.calibrate_references(
        made.images, made.writer, made.forged, max_references=3, random_state=0
    )
    again = verifier.reference_calibration_
    verifier.calibrate_references(
        made.images, made.writer, made.forged, max_references=3, random_state=0
    )
    np.testing.assert_array_equal(verifier.reference_calibration_, again)
    hwsk.save(verifier, tmp_path / "verifier.hwsk")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such a network does not distinguish writers
        one = verifier.verify(made.images[0], list(made.images[1:3]))
        other = hwsk.load(tmp_path / "verifier.hwsk").verify(made.images[0], list(made.images[1:3]))
    assert isinstance(one, ReferenceVerification)
    assert other.probability == pytest.approx(one.probability, rel=1e-5)
    assert str(one).endswith(f"for 2 references, probability {one.probability:.3f} at even odds")
