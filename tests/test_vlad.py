"""Local descriptors and their aggregation: against plain loops, and in the words of its errors."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest
import sklearn
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

import hwsk
from hwsk._data.images import LazyImages
from hwsk.datasets import make_handwriting
from hwsk.identification import LocalDescriptors, VLADEncoder, _descriptors, _vlad
from hwsk.metrics import mean_average_precision

KINDS = ["sift", "hog"]


@pytest.fixture(scope="module")
def words():
    return make_handwriting(60, n_writers=3, random_state=0)


@pytest.fixture(scope="module")
def descriptors(words):
    return LocalDescriptors().fit_transform(words.images)


def assert_same(a, b, **options):
    assert len(a) == len(b)
    for one, other in zip(a, b, strict=True):
        np.testing.assert_allclose(one, other, **options)


def test_import_needs_no_torch():
    code = "from hwsk.identification import LocalDescriptors, VLADEncoder; import sys"
    code += "; print({'torch', 'skorch'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


@pytest.mark.parametrize("kind", KINDS)
def test_descriptors_are_unit_vectors_of_each_image(kind, words):
    found = LocalDescriptors(kind).fit_transform(words.images)
    assert found.dtype == object
    assert found.shape == words.images.shape
    for array in found:
        assert array.dtype == np.float32
        assert array.shape[1] == 128
        assert len(array) > 10
        assert (array >= 0).all()
        np.testing.assert_allclose(np.linalg.norm(array, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_images_in_any_container(kind, words, tmp_path):
    images = list(words.images[:3])
    transformer = LocalDescriptors(kind)
    expected = transformer.fit_transform(images)
    paths = [str(tmp_path / f"{i}.png") for i in range(3)]
    for path, image in zip(paths, images, strict=True):
        cv2.imwrite(path, image)
    lazy = transformer.fit_transform(paths)
    assert isinstance(lazy, LazyImages)
    assert_same(lazy, expected)
    assert_same(lazy[1:], expected[1:])
    height, width = images[0].shape
    stack = np.stack([images[0]] * 2)
    assert_same(transformer.fit_transform(stack), [expected[0]] * 2)
    color = np.broadcast_to(stack[..., np.newaxis], (2, height, width, 3))
    assert_same(transformer.fit_transform(color), [expected[0]] * 2)
    assert_same(transformer.fit_transform([image / 255.0 for image in images]), expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "image",
    [
        np.full((60, 200), 255, np.uint8),
        np.full((60, 200), 0, np.uint8),
        np.ones((60, 200)),
        np.zeros((1, 1), np.uint8),
        np.random.default_rng(0).integers(240, 250, (60, 200)).astype(np.uint8),
    ],
    ids=["white", "black", "floats", "one pixel", "texture"],
)
def test_no_ink_no_descriptor(kind, image):
    (found,) = LocalDescriptors(kind).fit_transform([image])
    assert found.shape == (0, 128)
    assert found.dtype == np.float32


@pytest.mark.parametrize("kind", KINDS)
def test_direction_is_kept(kind, words):
    image = words.images[0]
    upright, turned = LocalDescriptors(kind).fit_transform([image, np.rot90(image).copy()])
    assert np.median(pairwise_distances(turned, upright).min(axis=1)) > 0.4


def test_sift_describes_a_place_once(words):
    (found,) = LocalDescriptors().fit_transform(words.images[:1])
    assert len(np.unique(found, axis=0)) == len(found)


def test_an_image_in_strips_is_described_as_a_whole(words, monkeypatch):
    page = np.vstack([np.pad(w, ((0, 8), (0, 600 - w.shape[1])), constant_values=255)
                      for w in words.images[:12]])  # fmt: skip
    (whole,) = LocalDescriptors().fit_transform([page])
    monkeypatch.setattr(_descriptors, "_STRIP", 200 * page.shape[1])
    (strips,) = LocalDescriptors().fit_transform([page])
    assert abs(len(strips) - len(whole)) < 0.02 * len(whole)
    distances = pairwise_distances(strips, whole)
    assert (distances.min(axis=1) < 0.1).mean() > 0.97


@pytest.mark.parametrize("kind", KINDS)
def test_image_scale_describes_the_scaled_image(kind, words):
    image = words.images[0]
    (found,) = LocalDescriptors(kind, image_scale=0.5).fit_transform([image])
    size = [round(0.5 * side) for side in image.shape[::-1]]
    half = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    assert_same([found], LocalDescriptors(kind).fit_transform([half]))
    assert 0 < len(found) != len(LocalDescriptors(kind).fit_transform([image])[0])
    (tiny,) = LocalDescriptors(kind, image_scale=0.01).fit_transform([image])
    assert tiny.shape[1] == 128


def test_ink_at_the_edge_is_described():
    image = np.full((40, 60), 255, np.uint8)
    image[:20, :8] = 0
    (found,) = LocalDescriptors().fit_transform([image])
    assert len(found)


@pytest.mark.parametrize("kind", KINDS)
def test_max_descriptors_are_spread(kind, words):
    left, right = words.images[:2]
    gap = np.full((len(left), 100), 255, np.uint8)
    both, second = np.hstack([left, gap, right]), np.hstack([np.full_like(left, 255), gap, right])
    everything, of_second = LocalDescriptors(kind).fit_transform([both, second])
    transformer = LocalDescriptors(kind, max_descriptors=20)
    few, again = transformer.fit_transform([both, both])
    np.testing.assert_array_equal(few, again)
    assert few.shape == (20, 128)
    assert pairwise_distances(few, everything).min(axis=1).max() < 1e-3
    found = (pairwise_distances(few, of_second).min(axis=1) < 1e-3).mean()
    assert found == pytest.approx(len(of_second) / len(everything), abs=0.1)


def test_hog_of_an_edge():
    image = np.full((64, 64), 255, np.uint8)
    image[:, 32:] = 0
    (found,) = LocalDescriptors("hog", cell_size=4, step=4).fit_transform([image])
    at_edge = found[np.linalg.norm(found, axis=1) > 0].reshape(-1, 4, 4, 8)
    # It gets darker to the right: the fifth of eight directions, from the first, to the right.
    inside = at_edge.sum(axis=(0, 1, 2)).argmax()
    assert inside == 4


def test_hog_settings(words):
    image = [words.images[0]]
    (fine,), (coarse,) = (
        LocalDescriptors("hog", step=step).fit_transform(image) for step in (4, 8)
    )
    assert len(fine) > 1.5 * len(coarse)
    (large,) = LocalDescriptors("hog", cell_size=16).fit_transform(image)
    assert large.shape == coarse.shape
    assert not np.allclose(large, coarse)


def test_images_are_named_in_errors(words, tmp_path):
    (tmp_path / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ValueError, match=r"cut\.png is damaged"):
        list(LocalDescriptors().fit_transform([tmp_path / "cut.png"]))
    with pytest.raises(ValueError, match="image 1 holds NaN"):
        LocalDescriptors().fit_transform([words.images[0], np.full((9, 9), np.nan)])
    with pytest.raises(ValueError, match="'kind' parameter"):
        LocalDescriptors("surf").fit_transform(words.images[:1])


def by_hand(samples, vocabularies, power):
    """VLAD by loops over descriptors."""
    vectors = []
    for sample in samples:
        sums = np.zeros(vocabularies.shape)
        for v, words in enumerate(vocabularies):
            for descriptor in sample:
                nearest = ((words - descriptor) ** 2).sum(axis=1).argmin()
                sums[v, nearest] += descriptor - words[nearest]
        vector = np.sign(sums) * np.abs(sums) ** power
        vectors.append(vector.ravel() / np.linalg.norm(vector))
    return np.array(vectors)


@pytest.mark.parametrize("power", [1, 0.5, 0.2])
def test_vlad_by_hand(power):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 5)) for n in (3, 8, 1, 20)]
    encoder = VLADEncoder(4, n_vocabularies=3, power=power, n_components=None, random_state=0)
    vectors = encoder.fit_transform(X)
    assert encoder.vocabularies_.shape == (3, 4, 5)
    assert not np.allclose(encoder.vocabularies_[0], encoder.vocabularies_[1])
    np.testing.assert_allclose(vectors, by_hand(X, encoder.vocabularies_, power), atol=1e-5)
    np.testing.assert_allclose(encoder.transform(X), vectors, atol=1e-6)
    assert vectors.dtype == np.float32
    assert len(encoder.get_feature_names_out()) == vectors.shape[1] == 60


@pytest.mark.parametrize("whiten", [False, True])
def test_projection_by_hand(descriptors, whiten):
    descriptors = [array[:, :40] for array in descriptors]  # so few that the PCA is exact
    plain = VLADEncoder(6, n_components=None, random_state=0).fit_transform(descriptors)
    pca = PCA().fit(plain)
    variance = pca.explained_variance_[:-1]  # the last is 0: 60 samples span 59 dimensions
    scale = np.sqrt(variance + variance.mean()) if whiten else np.ones(59)
    expected = pca.transform(plain)[:, :10] / scale[:10]
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    encoder = VLADEncoder(6, n_components=10, whiten=whiten, random_state=0)
    for vectors in (encoder.fit_transform(descriptors), encoder.transform(descriptors)):
        np.testing.assert_allclose(vectors @ vectors.T, expected @ expected.T, atol=1e-4)


def test_whitening_keeps_what_fit_saw_apart(words, descriptors):
    vectors = VLADEncoder(8, random_state=0).fit_transform(descriptors)
    assert vectors.shape == (60, 59)
    distances = pairwise_distances(vectors)
    assert mean_average_precision(words.writer, distances) > 0.6  # by chance: 0.35


def test_pages_are_encoded_as_one(descriptors):
    X, groups = descriptors[:6], ["b", "a", "b", "c", "a", "b"]
    encoder = VLADEncoder(6, n_components=None, random_state=0).fit(descriptors)
    together = encoder.transform(X, pages=groups)
    pages = [np.concatenate([X[i] for i in rows]) for rows in ([1, 4], [0, 2, 5], [3])]
    expected = encoder.transform(pages)[[1, 0, 1, 2, 0, 1]]
    np.testing.assert_allclose(together, expected, atol=1e-5)
    encoder = VLADEncoder(6, n_components=4, random_state=0)
    vectors = encoder.fit_transform(X, pages=groups)
    assert vectors.shape == (6, 2)  # three groups span two dimensions
    np.testing.assert_allclose(vectors, encoder.transform(X, pages=groups), atol=1e-5)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        encoder.transform(X, pages=groups[1:])


def test_pages_pass_through_a_pipeline(words):
    pages = np.char.add(words.writer.astype(str), np.repeat(["-1", "-2"], 30))
    first, second = np.arange(30), np.arange(30, 60)
    with sklearn.config_context(enable_metadata_routing=True):
        encoder = VLADEncoder(8, n_components=16, random_state=0)
        encoder.set_fit_request(pages=True).set_transform_request(pages=True)
        pipeline = make_pipeline(LocalDescriptors(), encoder, KNeighborsClassifier(1))
        pipeline.fit(words.images[first], words.writer[first], pages=np.arange(30))
        predicted = pipeline.predict(words.images[second], pages=pages[second])
    np.testing.assert_array_equal(predicted, words.writer[second])


@pytest.mark.parametrize(
    "classifier",
    [KNeighborsClassifier(1), LinearSVC(random_state=0), LogisticRegression(C=100)],
    ids=lambda classifier: type(classifier).__name__,
)
@pytest.mark.parametrize("kind", KINDS)
def test_writers_are_distinguished_and_a_pipeline_is_saved(kind, classifier, words, tmp_path):
    pipeline = make_pipeline(
        LocalDescriptors(kind), VLADEncoder(8, n_components=16, random_state=0), classifier
    )
    pipeline.fit(words.images[:40], words.writer[:40])
    predicted = pipeline.predict(words.images[40:])
    assert (predicted == words.writer[40:]).mean() > 0.8
    hwsk.save(pipeline, tmp_path / "writers.hwsk")
    loaded = hwsk.load(tmp_path / "writers.hwsk")
    np.testing.assert_array_equal(loaded.predict(words.images[40:]), predicted)
    np.testing.assert_array_equal(
        loaded[:-1].transform(words.images[:5]), pipeline[:-1].transform(words.images[:5])
    )


def test_descriptors_in_any_container(descriptors):
    X = descriptors[:8]
    encoder = VLADEncoder(4, n_components=3, random_state=0)
    expected = encoder.fit_transform(X)
    for same in (list(X), tuple(X), LazyImages(list(X)), [array.astype(float) for array in X]):
        np.testing.assert_allclose(encoder.fit(same).transform(same), expected, atol=1e-5)
    stack = np.stack([array[:9] for array in X])
    np.testing.assert_allclose(
        encoder.fit_transform(stack), encoder.fit_transform(list(stack)), atol=1e-6
    )


def test_samples_are_read_one_by_one(descriptors, monkeypatch):
    X = LazyImages(list(descriptors))
    encoder = VLADEncoder(4, n_components=8, max_samples=500, random_state=0).fit(X)
    vectors = encoder.transform(X)
    monkeypatch.setattr(_vlad, "_CHUNK", 7)
    np.testing.assert_allclose(encoder.transform(X), vectors, atol=1e-6)


def test_vocabularies_are_learnt_from_a_sample_of_all(monkeypatch):
    drawn = []
    fit = _vlad.MiniBatchKMeans.fit
    monkeypatch.setattr(
        _vlad.MiniBatchKMeans, "fit", lambda self, X: drawn.append(X) or fit(self, X)
    )
    X = [np.full((30, 2), i) + np.arange(30)[:, np.newaxis] / 100 for i in range(8)]
    X[3] = X[3][:2]
    VLADEncoder(2, n_components=None, max_samples=40, random_state=0).fit(X)
    (sample,) = drawn
    counts = np.bincount(sample[:, 0].astype(int), minlength=8)
    np.testing.assert_array_equal(counts, [5, 5, 5, 2, 5, 5, 5, 5])
    assert len(np.unique(sample, axis=0)) == 37


def test_random_state_decides_all(descriptors):
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    one, same, other = (
        VLADEncoder(4, n_components=5, random_state=seed).fit_transform(descriptors)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize("n_components", [None, 4])
def test_a_blank_image_is_counted_and_zero(words, n_components):
    images = [*words.images[:8], np.full((60, 90), 255, np.uint8)]
    X = LocalDescriptors().fit_transform(images)
    encoder = VLADEncoder(4, n_components=n_components, random_state=0).fit(X[:8])
    with pytest.warns(UserWarning, match=r"1 of 9 samples has no descriptor .* rows 8$") as record:
        vectors = encoder.transform(X)
    assert record[0].filename == __file__
    assert not vectors[8].any()
    np.testing.assert_allclose(np.linalg.norm(vectors[:8], axis=1), 1, rtol=1e-5)
    with pytest.warns(UserWarning, match="1 of 2 pages has no descriptor") as record:
        encoder.transform(X, pages=[0] * 8 + [1])
    for learn in (encoder.fit, encoder.fit_transform):
        with pytest.warns(UserWarning, match="rows 8$") as record:
            learn(X)
        assert record[0].filename == __file__
    np.testing.assert_allclose(np.linalg.norm(vectors[:8], axis=1), 1, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:invalid value encountered in divide:RuntimeWarning")  # PCA
def test_equal_samples_are_no_trouble():
    X = [np.ones((3, 4))] * 5
    vectors = VLADEncoder(1, n_components=3, random_state=0).fit_transform(X)
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([np.zeros((0, 4))] * 3, "X holds 0 descriptors in n_samples=3, .* images blank"),
        ([np.eye(4)[:2]] * 2, "X holds 4 descriptors in n_samples=2, and n_clusters=5"),
        ([np.eye(4), np.eye(5), np.eye(4)], r"sample 1 of X has shape \(5, 5\); .* 4\) here"),
        ([np.eye(4), np.ones(4), np.eye(4)], r"sample 1 of X has shape \(4,\)"),
        ([np.eye(4), np.full((3, 4), np.nan), np.eye(4)], "sample 1 of X holds NaN"),
        ([np.eye(4), np.full((3, 4), "a"), np.eye(4)], "sample 1 of X holds .* not a number"),
        ([np.random.default_rng(0).random((9, 4))], "PCA needs 2 samples .* n_samples=1"),
        ([], "holds no sample"),
    ],
)
def test_bad_descriptors(X, message):
    with pytest.raises(ValueError, match=message):
        VLADEncoder(5, random_state=0).fit(X)


def test_descriptors_of_another_kind(descriptors):
    encoder = VLADEncoder(4, random_state=0).fit(descriptors)
    with pytest.raises(ValueError, match=r"sample 0 of X has shape \(3, 9\)"):
        encoder.transform([np.ones((3, 9))])
    with pytest.raises(ValueError, match=r"sample 0 of X has shape \(9,\); .* in a list"):
        encoder.transform(np.ones((3, 9)))
