"""Benchmarks: imports, splits without leakage, and what is printed."""

import importlib
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.utils import Bunch

import hwsk
from hwsk.datasets import make_signatures
from hwsk.verification import LocalDescriptorMatching, SiameseVerifier

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"


MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "benchmarks").rglob("*.py"))
]


@pytest.fixture
def script(monkeypatch):
    """Import a benchmark; forget it and the benchmarks that it imports afterwards."""
    monkeypatch.syspath_prepend(ROOT)
    before = set(sys.modules)
    yield lambda name: importlib.import_module(f"benchmarks.{name}")
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "benchmarks":
            del sys.modules[name]


@pytest.mark.parametrize("name", MODULES)
def test_names_that_a_benchmark_imports_exist(name, script):
    script(name.removeprefix("benchmarks.").removesuffix(".__init__"))


def test_cards_give_what_float32_gives(script):
    precision = script("models.precision")
    shipped = {path.stem for path in (ROOT / "models").glob("*.hwsk")}
    assert shipped >= precision.OTHERS and len(precision.NAMES) == len(shipped - precision.OTHERS)
    for name in precision.NAMES:
        card = (ROOT / "models" / f"{name}.md").read_text(encoding="utf-8")
        assert "In float32, on a processor without bfloat16" in card, name
    assert precision.load_in("float32", "and-features").precision == "float32"


@pytest.fixture
def writers(script):
    return script("writers.data")


@pytest.fixture
def emnist(script):
    return script("characters.data")


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


def test_no_form_is_on_both_sides_and_every_writer_is_in_training(writers):
    forms = [f"{writer}-{i}" for writer in range(20) for i in range(2 + writer % 5)]
    form = np.repeat(forms, 3)
    bunch = Bunch(form=form, writer=np.array([name.partition("-")[0] for name in form]))
    tested = []
    for train, test in writers.folds(bunch):
        assert not set(form[train]) & set(form[test])
        assert set(bunch.writer[train]) == set(bunch.writer)
        tested += list(test)
    assert sorted(tested) == list(range(len(form)))


def test_report_by_hand(writers, capsys):
    bunch = Bunch(writer=np.array(["a", "a", "b"]), form=np.array(["a1", "a1", "b1"]))
    sums = np.log([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])  # the second line is wrong, its form right
    classes = np.array(["a", "b"])
    figures = writers.report("x", bunch, np.arange(3), sums, np.full(3, 4), [4, 1, 2], classes)
    assert figures["line"][0] == pytest.approx(2 / 3)
    assert figures["form"][0] == 1
    assert figures["patch"][0] == pytest.approx(7 / 12)
    assert "form-level top-1 1.000 [1.000, 1.000] of 2" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize("name", ["shared.words", "pairs.signatures"])
def test_no_writer_is_on_two_sides(name, script, monkeypatch, tmp_path):
    monkeypatch.setenv("HWSK_DATA", str(tmp_path))
    if name == "pairs.signatures":
        bunch, parts = script(name).load_folds(str(DATA))
    else:
        bunch, *parts = script(name).load_split(str(DATA))
    writers = [set(bunch.writer[rows]) for rows in parts]
    assert len(set.union(*writers)) == sum(map(len, writers)) == len(set(bunch.writer))
    assert sum(map(len, parts)) == len(bunch.writer)


def test_genuine_parts_are_joined_with_genuine_ones(script):
    signatures = script("pairs.signatures")
    writers = [f"{i}" for i in range(4) for _ in range(6)]
    forged = np.tile(np.arange(6) >= 3, 4)
    hands = [f"forger {i}" if fake else writers[i] for i, fake in enumerate(forged)]
    tones = 20 * np.array(writers, int) + 5 * forged
    own = signatures.Hands([np.full((4, 100), tone, np.uint8) for tone in tones], hands, writers)
    out = signatures.joined(own, forged, seed=0)
    assert len(out.images) == signatures.N_JOINED * len(writers)
    for image, hand, context in zip(*out, strict=True):
        assert image.shape == (4, 100)
        left, right = image[0, 0], image[0, -1]
        assert context == f"{left // 20} + {right // 20}" and left // 20 != right // 20
        assert left % 20 == right % 20  # both genuine, or both forged
        assert hand == context or left % 20 == 5
    assert np.equal(out.hands, out.contexts).sum() == 24


@pytest.mark.slow
def test_signature_verifiers_are_judged(script, monkeypatch, tmp_path, capsys):
    """The script from trained folds to printed results, on generated signatures."""
    training = script("pairs.train_signatures")
    made = make_signatures(8, 4, 2, random_state=0)
    number = np.unique(made.writer, return_inverse=True)[1]
    folds = [np.flatnonzero(number % 4 == fold) for fold in range(4)]
    monkeypatch.setattr(training, "load_folds", lambda data: (made, folds))
    monkeypatch.setitem(training.print_report.__globals__, "N_REFERENCES", 2)
    monkeypatch.setitem(training.print_report.__globals__, "N_RESAMPLES", 20)
    verifier = SiameseVerifier(
        comparator=LocalDescriptorMatching(), image_size=(32, 64), channels=(2, 2, 4, 4),
        max_epochs=1, augment=training.augmentation(1.0), random_state=0,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # forgeries are the only samples of their writers
        verifier.fit(made.images, made.hand, contexts=made.writer)
    for fold in range(4):
        hwsk.save(verifier, tmp_path / f"fold{fold}.hwsk")
    judge = training.judge.callback
    judge(tmp_path, "", 1, registration=True, n_duplicates=1, scale=1.0)
    printed = capsys.readouterr().out
    assert "registration=1, n_duplicates=1, scale=1" in printed
    for name in ("matching", "histograms", "embeddings"):
        assert f"{name}: skilled forgeries, pairs: EER 0." in printed
        assert (f"{name}: random forgeries, writer-dependent" in printed) == (name != "matching")
    assert "at the threshold of the other folds: FRR 0." in printed
