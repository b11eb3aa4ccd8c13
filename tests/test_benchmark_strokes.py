"""Composed lines of pen strokes, and the training that goes on from them."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import hwsk
from hwsk.datasets import make_handwriting

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def strokes():
    sys.path.insert(0, str(ROOT))
    before = set(sys.modules)
    from benchmarks.strokes import data, train

    yield {"data": data, "train": train}
    sys.path.remove(str(ROOT))
    for name in set(sys.modules) - before:
        if name.startswith("benchmarks"):
            del sys.modules[name]


@pytest.fixture(scope="module")
def lines(strokes, tmp_path_factory):
    """Twelve lines of three writers, as `data.main` writes them."""
    data = strokes["data"]
    made = make_handwriting(12, n_writers=3, level="line", random_state=0)
    texts = [" ".join(text.split()) for text in made.text]
    arrays = {}
    for part in ("train", "validation"):
        arrays |= {
            f"{part}_texts": np.array(texts), f"{part}_forms": np.array(made.ids, str),
            f"{part}_writers": np.array(made.writer, str),
            f"{part}_lengths": np.array([len(s) for s in made.strokes]),
            f"{part}_points": np.rint(np.concatenate(made.strokes)).astype(np.int16),
        }  # fmt: skip
    words = []
    for text, points in zip(texts, made.strokes, strict=True):
        found = data.split_at_gaps(points, len(text.split()))
        words.append(np.full(len(points), -1) if found is None else found)
    arrays["train_words"] = np.concatenate(words).astype(np.int8)
    arrays["train_levels"] = np.zeros(len(arrays["train_points"]), np.float32)
    arrays["train_x_heights"] = np.full(12, 30.0)
    path = tmp_path_factory.mktemp("strokes") / "strokes.npz"
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="module")
def model(strokes, tmp_path_factory):
    data = strokes["data"]
    texts = [data.SHIPPED[i : i + 20].strip() + " a" for i in range(0, len(data.SHIPPED), 20)]
    made = make_handwriting(len(texts), texts=texts, random_state=0)
    synthesizer = hwsk.HandwritingSynthesizer(
        hidden_units=8, num_layers=2, n_mixtures=2, max_epochs=1, random_state=0
    ).fit(texts, made.strokes)
    assert synthesizer.alphabet_ == data.SHIPPED
    path = tmp_path_factory.mktemp("model") / "small.hwsk"
    hwsk.save(synthesizer, path)
    return path


def test_words_are_cut_at_the_widest_gaps(strokes, lines):
    loaded = strokes["data"].Lines(lines, "train")
    cut = [loaded.words(row) for row in range(len(loaded))]
    assert sum(map(bool, cut)) >= 10
    for row, words in enumerate(cut):
        if words:
            assert [word.text for word in words] == loaded.texts[row].split()
            assert sum(len(word.points) for word in words) == len(loaded.strokes(row))
            assert all(word.points[:, 0].min() == 0 for word in words)
            assert np.isnan(words[0].gap) and all(word.gap > 0 for word in words[1:])


def test_composed_lines_are_lines(strokes, lines):
    data = strokes["data"]
    bank = data.Bank(data.Lines(lines, "train"))
    rng = np.random.default_rng(0)
    known = {word.text for words in bank.words.values() for word in words}
    for signs in (False, True):
        composed = [bank.compose(signs, rng) for _ in range(20)]
        for ink, text, _ in composed:
            assert ink.dtype == np.float32 and ink.shape[1] == 3
            assert np.isfinite(ink).all() and ink[-1, 2] == 1
            assert np.array_equal(ink[:, :2], np.rint(ink[:, :2]))  # as IAM-OnDB's offsets are
            assert set(text) <= set(data.ALPHABET)
        new = {word for _, text, _ in composed for word in text.split()} - known
        assert bool(new) == signs


def test_a_dot_is_not_a_letter(strokes):
    data = strokes["data"]
    dot = np.array([[0, 0, 0], [1, 1, 1]], float)
    bar = np.array([[0, 0, 0], [1, -50, 1]], float)
    for text, points, plausible in (
        ("A", dot, False), ("A", bar, True), (".", bar, False), (".", dot, True),
    ):  # fmt: skip
        assert data._is_plausible(data.Word(text, points, np.nan), 30.0) == plausible


def test_samples_are_decided_by_their_number(strokes, lines):
    data = strokes["data"]
    loaded = data.Lines(lines, "train")
    first, again = (data.Mixture(loaded, data.SHARES, seed=3) for _ in range(2))
    again.sample(0)
    for number in (5, 6):
        (ink, text, _), (same, also, _) = first.sample(number), again.sample(number)
        assert text == also and np.array_equal(ink, same)


def test_new_characters_begin_like_others(strokes, model):
    data, train = strokes["data"], strokes["train"]
    before, after = hwsk.load(model), hwsk.load(model)
    train.extend(after)
    assert after.alphabet_ == data.ALPHABET
    made = make_handwriting(2, texts=["S-", "a C"], random_state=0)
    known = before.score_samples(["S-", "a C"], made.strokes)
    np.testing.assert_allclose(after.score_samples(["S-", "a C"], made.strokes), known, rtol=1e-5)
    np.testing.assert_allclose(after.score_samples(["$=", "a €"], made.strokes), known, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [False, True])
def test_a_run_is_resumed_where_it_was(strokes, lines, model, tmp_path, noise):
    from click.testing import CliRunner

    def run(out, steps):
        options = ["--data", lines, "--start", model, "--out", tmp_path / out, "--steps", steps]
        options += ["--batch-size", 2, "--warmup", 2, "--log-every", 1, *(["--noise"] * noise)]
        torch.manual_seed(0)  # of the noise
        result = CliRunner().invoke(
            strokes["train"].main, ["run", *map(str, options)], catch_exceptions=False
        )
        assert "nats a line: validation" in result.output
        return torch.load(tmp_path / out / "last.pt", weights_only=True)

    whole = run("whole", 4)
    run("parts", 2)
    parts = run("parts", 4)
    assert whole["step"] == parts["step"] == 4
    assert (whole["noise"] is not None) == noise
    if not noise:  # drawn afresh after a resumption
        for name, weight in whole["network"].items():
            torch.testing.assert_close(parts["network"][name], weight)
        for name, weight in whole["average"].items():
            torch.testing.assert_close(parts["average"][name], weight)
