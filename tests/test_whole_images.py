import numpy as np
import pytest

import hwsk
from hwsk.datasets import make_handwriting
from hwsk.identification import WriterClassifier, WriterEmbedder
from hwsk.identification._patches import shrink

N_TRAIN = 60
WHOLE = {"patch_size": (24, 64), "n_patches": None, "random_state": 0}


@pytest.fixture(scope="module")
def lines():
    return make_handwriting(90, n_writers=3, height=32, random_state=0)


@pytest.fixture(scope="module")
def fitted(lines):
    classifier = WriterClassifier(**WHOLE, max_epochs=10)
    return classifier.fit(lines.images[:N_TRAIN], lines.writer[:N_TRAIN])


def test_writers_are_distinguished_by_whole_lines(fitted, lines):
    assert fitted.score(lines.images[N_TRAIN:], lines.writer[N_TRAIN:]) > 0.6  # chance is 1/3


def test_patch_of_an_image_of_its_size_is_the_whole_image():
    images = [line[:, :64] for line in make_handwriting(16, height=32, random_state=0).images]
    images = [np.pad(i, ((0, 0), (0, 64 - i.shape[1])), constant_values=255) for i in images]
    writers = ["a", "b"] * 8
    answers = [
        WriterClassifier(patch_size=(32, 64), n_patches=n, max_epochs=2, random_state=0)
        .fit(images, writers)
        .predict_proba(images)
        for n in (1, None)
    ]
    np.testing.assert_allclose(*answers, rtol=1e-4)


def test_proportions_do_not_matter(fitted, lines):
    line = lines.images[-1]
    wider = np.repeat(line, 3, axis=1)
    np.testing.assert_allclose(
        fitted.predict_log_proba([shrink(line, (24, 64))]),
        fitted.predict_log_proba([shrink(wider, (24, 64))]),
        atol=0.05,
    )


def test_low_and_wide_image_is_averaged_not_sampled():
    stripes = np.tile(np.array([0, 0, 0, 255], np.uint8), (8, 64))
    assert np.unique(shrink(stripes, (32, 32))).tolist() == [64]
    assert np.unique(shrink(stripes.T.copy(), (32, 32))).tolist() == [64]


def test_whole_image_is_the_only_patch(fitted, lines):
    patches = fitted.predict_patches(lines.images[0])
    assert patches[["top", "left", "height", "width"]].to_numpy().tolist() == [
        [0, 0, *lines.images[0].shape]
    ]
    expected = fitted.predict_log_proba(lines.images[:1])
    np.testing.assert_allclose(patches[fitted.classes_].to_numpy(), expected, rtol=1e-4)


def test_augmentation_sees_images_before_they_are_resized(lines):
    shapes = []

    def look(image, rng):
        shapes.append(image.shape)
        return image

    WriterClassifier(**WHOLE, max_epochs=1, augment=look).fit(lines.images[:9], lines.writer[:9])
    assert sorted(shapes) == sorted(image.shape for image in lines.images[:9])


def test_saved_and_loaded(fitted, lines, tmp_path):
    hwsk.save(fitted, tmp_path / "whole.hwsk")
    loaded = hwsk.load(tmp_path / "whole.hwsk")
    assert loaded.n_patches is None
    np.testing.assert_array_equal(
        loaded.predict_proba(lines.images[:5]), fitted.predict_proba(lines.images[:5])
    )


def test_blank_image(fitted):
    with pytest.warns(UserWarning, match=r"1 of 1 images has no ink, rows 0"):
        proba = fitted.predict_proba([np.full((32, 90), 255, np.uint8)])
    np.testing.assert_allclose(proba, 1 / 3)


def test_embedder_of_whole_images(lines):
    embedder = WriterEmbedder(**WHOLE, embedding_dim=8, max_epochs=2)
    vectors = embedder.fit(lines.images[:40], lines.writer[:40]).transform(lines.images[40:45])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-4)


def test_scale_is_for_patches(lines):
    classifier = WriterClassifier(n_patches=None, patch_scale=0.5)
    with pytest.raises(
        ValueError, match=r"patch_scale=0\.5 is for patches.*leave patch_scale at 1"
    ):
        classifier.fit(lines.images[:9], lines.writer[:9])
