"""What the benchmarks' figures stand on: no image on both sides of a split."""

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"


@pytest.fixture
def emnist(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import emnist

    yield emnist
    del sys.modules["emnist"]


def images_of(part):
    return {image.tobytes() for image in part.images}


def write_csv(path, images, labels):
    stored = images.swapaxes(1, 2).reshape(len(images), -1)
    np.savetxt(path, np.column_stack([labels, stored]), fmt="%d", delimiter=",")


def test_no_test_image_is_left_in_training(emnist, tmp_path):
    rng = np.random.default_rng(0)
    labels = np.tile(np.arange(47), 70)
    images = rng.integers(0, 256, (len(labels), 28, 28))
    images[5] = images[101]  # twice in ByMerge
    (tmp_path / "emnist").mkdir()
    write_csv(tmp_path / "emnist" / "emnist-bymerge-test.csv", images, labels)
    write_csv(tmp_path / "emnist" / "emnist-balanced-train.csv", images[::10], labels[::10])
    train, valid, test = emnist.load_split(tmp_path)
    assert len(valid.text) == 47 * emnist.VALIDATION
    assert len(labels) - len(train.text) - len(valid.text) - len(labels[::10]) in (0, 1)
    assert images_of(test) == {image.astype(np.uint8).tobytes() for image in images[::10]}
    assert not images_of(train) & images_of(test)
    assert not images_of(valid) & images_of(test)
    assert not images_of(train) & images_of(valid)


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_no_test_image_is_left_in_the_training_of_the_shipped_model(emnist):
    train, valid, test = emnist.load_split(DATA)
    assert len(test.text) == 4560
    assert not (images_of(train) | images_of(valid)) & images_of(test)
    assert not images_of(train) & images_of(valid)
    # 116,323 images less the 611 that are in the test, the validation, and its doubles
    assert 116_323 - 611 - 47 * emnist.VALIDATION - 10 <= len(train.text) < 116_323 - 611
