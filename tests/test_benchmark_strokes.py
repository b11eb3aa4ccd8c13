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
    from benchmarks.ink import cut
    from benchmarks.strokes import data, train

    yield {"data": data, "train": train, "cut": cut}
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


def test_characters_are_not_of_struck_out_words_or_without_their_dot(strokes):
    data = strokes["data"]
    bar = np.array([[0, 0, 0], [1, -30, 1]], float)
    dotted = np.concatenate([bar, [[1, -45, 0], [2, -45, 1]]])
    for text, points, plausible in (
        ("i", bar, False), ("i", dotted, True), ("l", bar, True), ("#", dotted, False),
    ):  # fmt: skip
        assert data._is_plausible(data.Word(text, points, np.nan), 30.0) == plausible


class Reader:
    """Read what is wide as "o", and all else as "l"; both may be "c"."""

    alphabet_ = "clo"

    def set_params(self, decoder):
        assert decoder is None

    def predict(self, samples):
        return ["o" if np.ptp(ink[:, 0].cumsum()) > 5 else "l" for ink in samples]

    def predict_log_proba(self, samples):
        likely = np.log([[0.02, 0.18, 0.001, 0.799], [0.02, 0.18, 0.799, 0.001]], dtype=np.float32)
        return [likely[[int(text == "l")]] for text in self.predict(samples)]


def _word(text, widths):
    """A word of separate bars, as wide as said."""
    x, strokes = 0.0, []
    for width in widths:
        strokes.append([[x, 0, 0], [x + width, -30, 1]])
        x += width + 5
    return text, np.concatenate(strokes)


def test_a_word_is_separable_if_no_label_is_contradicted(strokes):
    cut, data = strokes["cut"], strokes["data"]
    cases = [
        ("lo", [1, 20], True),
        ("lc", [1, 20], True),  # less probable than "o", and possible
        ("ol", [1, 20], False),
        ("olo", [1, 20], False),  # cannot be cut
    ]
    words = [data.Word(*_word(text, widths), np.nan) for text, widths, _ in cases]
    assert cut.find_separable(Reader(), words).tolist() == [expected for *_, expected in cases]


def test_only_separable_words_give_characters(strokes, tmp_path):
    data = strokes["data"]
    pieces = [_word("lo", [1, 20])[1], _word("ol", [1, 20])[1] + [100, 0, 0]]
    points = np.concatenate(pieces)
    points[:, :2] = np.diff(points[:, :2], axis=0, prepend=np.zeros((1, 2)))
    arrays = {
        "texts": np.array(["lo ol"]), "forms": np.array(["a"]), "writers": np.array(["w"]),
        "lengths": np.array([8]), "points": points.astype(np.int16),
        "words": np.repeat(np.int8([0, 1]), 4), "levels": np.zeros(8, np.float32),
        "x_heights": np.array([20.0]),
    }  # fmt: skip
    path = tmp_path / "ink.npz"
    np.savez(path, **{f"train_{name}": values for name, values in arrays.items()})
    lines = data.Lines(path, "train")
    assert data.Bank(lines).counts == {"l": 2, "o": 2}
    arrays["separable"] = strokes["cut"].mark_separable(Reader(), lines)
    assert arrays["separable"].tolist() == [True] * 4 + [False] * 4
    np.savez(path, **{f"train_{name}": values for name, values in arrays.items()})
    bank = data.Bank(data.Lines(path, "train"))
    assert bank.counts == {"l": 1, "o": 1}
    assert [word.text for word in bank.words["w"]] == ["lo", "ol"]


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
