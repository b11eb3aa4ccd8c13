"""`StrokePredictor` and `HandwritingSynthesizer`: what they learn, write, and refuse."""

import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

import hwsk
from hwsk.callbacks import Checkpoint
from hwsk.metrics import character_error_rate
from hwsk.networks.strokes import StrokeNetwork
from hwsk.synthesis import HandwritingSynthesizer, StrokePredictor
from hwsk.synthesis._density import MAX_POINTS
from hwsk.synthesis._sampling import Sample, _prime
from hwsk.synthesis._synthesis import _own

pytestmark = pytest.mark.arithmetic

MOVES = {"a": (10, 0), "b": (0, 10), "c": (0, -10)}  # a letter is four such steps, and a lift


def write(text, rng):
    """Strokes of a script whose letters are straight lines."""
    points = [(0, 0, 0)]
    for letter in text:
        steps = MOVES[letter] + rng.normal(0, 0.5, (4, 2))
        points += [(*step, float(i == 3)) for i, step in enumerate(steps)]
    return np.array(points, np.float32)


def read(strokes):
    """The text of such strokes."""
    steps = strokes[1:, :2]
    letters = [min(MOVES, key=lambda m: np.hypot(*(np.array(MOVES[m]) - s))) for s in steps]
    return "".join(letters[::4])


def make_lines(n, seed=0):
    rng = np.random.default_rng(seed)
    texts = ["".join(rng.choice(list(MOVES), rng.integers(2, 6))) for _ in range(n)]
    return texts, [write(text, rng) for text in texts]


TEXTS, STROKES = make_lines(200)
SMALL = {"hidden_units": 24, "num_layers": 1, "n_mixtures": 3, "lr": 0.02, "random_state": 0}


def tiny(cls=StrokePredictor, **parameters):
    return cls(**SMALL | {"max_epochs": 1, "hidden_units": 4} | parameters)


@pytest.fixture(scope="module")
def predictor():
    return StrokePredictor(**SMALL, max_epochs=10).fit(STROKES)


@pytest.fixture(scope="module")
def synthesizer():
    model = HandwritingSynthesizer(
        **SMALL | {"num_layers": 2, "batch_size": 8}, n_windows=2, bias=3.0, max_epochs=25
    )
    return model.fit(TEXTS, STROKES)


def weights(model):
    state = model.net_.module_.state_dict()
    return torch.cat([value.double().flatten() for value in state.values()]).numpy()


# What they learn


def test_predictor_learns(predictor):
    losses = [row["train_loss"] for row in predictor.history_]
    assert losses[-1] < losses[0] - 10
    _, strokes = make_lines(30, seed=1)
    memoryless = StrokePredictor(**SMALL | {"hidden_units": 1}, max_epochs=10).fit(STROKES)
    assert predictor.score(strokes) > memoryless.score(strokes) + 10
    assert len(predictor.history_) == predictor.n_iter_ == 10


def test_scores_are_in_units_of_the_training_set(predictor):
    offsets = np.concatenate([strokes[1:, :2] for strokes in STROKES])
    np.testing.assert_allclose(predictor.mean_, offsets.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(predictor.scale_, offsets.std(axis=0), rtol=1e-5)
    scaled = [strokes * np.float32([1000, 1000, 1]) for strokes in STROKES]
    again = StrokePredictor(**SMALL, max_epochs=2).fit(scaled)
    same = StrokePredictor(**SMALL, max_epochs=2).fit(STROKES)
    assert again.score(scaled) == pytest.approx(same.score(STROKES), abs=0.05)


def test_a_line_scores_the_same_alone_and_in_a_batch(predictor):
    together = predictor.score_samples(STROKES[:9])
    alone = [predictor.score_samples([strokes])[0] for strokes in STROKES[:9]]
    np.testing.assert_allclose(together, alone, atol=1e-3)
    assert predictor.score(STROKES[:9]) == pytest.approx(np.mean(alone), abs=1e-3)


def test_knowing_the_text_helps(predictor, synthesizer):
    texts, strokes = make_lines(30, seed=1)
    assert synthesizer.score(texts, strokes) > predictor.score(strokes) + 10
    others = [text[::-1] + "a" for text in texts]
    assert synthesizer.score(texts, strokes) > synthesizer.score(others, strokes) + 10


def test_synthesizer_writes_the_given_text(synthesizer):
    texts, _ = make_lines(40, seed=9)
    written = [read(strokes) for strokes in synthesizer.predict(texts)]
    # 0 to 0.13 by seed and processor; texts taken by chance have 0.8
    assert character_error_rate(texts, written) < 0.35, written


def test_the_window_ends_where_the_text_does(synthesizer):
    texts, strokes = make_lines(40, seed=2)
    phis = synthesizer.attention(texts, strokes)
    ends = [phi[-1].argmax() for phi in phis]
    near = [abs(end - len(text)) <= 2 for end, text in zip(ends, texts, strict=True)]
    assert np.mean(near) >= 0.95
    together = []  # the course of the window with that of time
    for phi, text, points in zip(phis, texts, strokes, strict=True):
        assert phi.shape == (len(points) - 1, len(text) + 1)
        places = phi.argmax(axis=1)
        assert places[0] <= 1
        together.append(np.corrcoef(places, np.arange(len(places)))[0, 1])
    assert np.median(together) > 0.8


@pytest.mark.parametrize(
    "parameters",
    [
        {"bptt_steps": 5},
        {"bptt_steps": 1},
        {"weight_noise": 0.02},
        {"optimizer": "rmsprop", "lr": 1e-3},
        {"lstm_clip": None, "output_clip": None},
        {"ema_decay": 0.9},
        {"precision": "float32"},
        {"precision": "bfloat16"},
    ],
)
def test_options_learn_too(parameters):
    model = StrokePredictor(**SMALL | {"max_epochs": 6} | parameters).fit(STROKES)
    assert model.history_[-1]["train_loss"] < model.history_[0]["train_loss"] - 5


def test_pieces_as_long_as_the_line_are_no_truncation():
    whole = tiny(precision="float32").fit(STROKES)
    pieces = tiny(precision="float32", bptt_steps=1000).fit(STROKES)
    np.testing.assert_allclose(weights(whole), weights(pieces), atol=1e-6)
    cut = tiny(precision="float32", bptt_steps=3).fit(STROKES)
    assert abs(weights(whole) - weights(cut)).max() > 1e-4
    assert cut.history_[0]["train_loss"] == pytest.approx(
        whole.history_[0]["train_loss"], rel=0.2
    )  # of all pieces


def test_adaptive_noise_goes_on_with_a_trained_network():
    model = StrokePredictor(**SMALL, max_epochs=6, precision="float32").fit(STROKES)
    before = model.score(STROKES)
    model.set_params(warm_start=True, weight_noise="adaptive", lr=1e-3, max_epochs=3)
    model.fit(STROKES)
    assert model.score(STROKES) > before - 15
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(weights(model), weights(copied))


def test_augmentation_and_early_stopping():
    seen = []

    def shift(strokes, rng):
        seen.append(len(strokes))
        return strokes * np.float32([1 + rng.normal(0, 0.01), 1, 1])

    groups = np.arange(200) // 20
    model = tiny(augment=shift, early_stopping=True, n_iter_no_change=1, max_epochs=3)
    model.fit(STROKES, groups=groups)
    assert "valid_score" in model.history_[0]
    assert len(seen) == 180 * model.n_iter_
    assert model.history_[0]["valid_score"] == pytest.approx(
        -model.history_[0]["valid_loss"], rel=0.05
    )
    with pytest.raises(ValueError, match="augment returned something that is not strokes"):
        tiny(augment=lambda strokes, rng: strokes[:, :2]).fit(STROKES)


def test_warm_start_goes_on(tmp_path):
    model = tiny(warm_start=True, max_epochs=2).fit(STROKES)
    first = model.score(STROKES)
    scale = model.scale_
    model.fit([strokes * np.float32([2, 2, 1]) for strokes in STROKES])
    assert model.scale_ is scale  # the weights are for this one
    model.fit(STROKES)
    assert model.score(STROKES) > first
    with pytest.raises(ValueError, match="another architecture"):
        model.set_params(hidden_units=7).fit(STROKES)
    assert model.score(STROKES) > first


def test_a_fit_goes_on_from_its_checkpoint(tmp_path):
    for kind in ({}, {"weight_noise": "adaptive"}):
        path = tmp_path / f"{len(kind)}.ckpt"
        whole = tiny(max_epochs=4, **kind).fit(STROKES[:50])

        class Stop(Checkpoint):
            def on_epoch_end(self, net, **kwargs):
                super().on_epoch_end(net, **kwargs)
                if len(net.history) == 2:
                    raise KeyboardInterrupt

        tiny(max_epochs=4, callbacks=[Stop(path)], **kind).fit(STROKES[:50])
        resumed = tiny(max_epochs=4, callbacks=[Checkpoint(path)], **kind).fit(STROKES[:50])
        assert resumed.n_iter_ == 4
        np.testing.assert_allclose(weights(resumed), weights(whole), atol=1e-6)


@pytest.mark.filterwarnings("ignore:1 of 1 lines was cut")
def test_global_generators_are_left_alone():
    state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    model = tiny(HandwritingSynthesizer, random_state=None).fit(TEXTS[:9], STROKES[:9])
    tiny(weight_noise=0.1).fit(STROKES[:9]).sample(2, n_points=10)
    model.sample(texts=["ab"], random_state=None)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
    assert (torch.get_rng_state() == torch_state).all()


# What they write


def test_samples_of_a_predictor(predictor):
    lines = predictor.sample(3, n_points=50, random_state=0)
    assert [line.shape for line in lines] == [(51, 3)] * 3
    assert lines[0].dtype == np.float32
    for line in lines:
        assert (line[0] == 0).all() and line[-1, 2] == 1
        assert set(np.unique(line[:, 2])) <= {0, 1}
    np.testing.assert_allclose(
        predictor.sample(1, n_points=50, random_state=0)[0], lines[0], atol=1e-3
    )
    np.testing.assert_allclose(
        predictor.sample(1, n_points=30, random_state=0)[0][:-1], lines[0][:30], atol=1e-3
    )
    other = predictor.sample(1, n_points=50, random_state=1)[0]
    assert abs(other - lines[0]).max() > 1
    steps = np.concatenate([line[1:, :2] for line in predictor.sample(3, n_points=50, bias=2.0)])
    assert np.median(np.abs(steps).max(axis=1)) == pytest.approx(10, abs=1)


def test_bias_regularizes(predictor):
    def spread(bias):
        steps = np.concatenate([s[1:, :2] for s in predictor.sample(9, n_points=60, bias=bias)])
        return np.abs(steps - np.rint(steps / 10) * 10).mean()

    assert spread(5.0) < spread(0.0) / 2
    model = copy.deepcopy(predictor).set_params(bias=5.0)
    a, b = (
        model.sample(1, n_points=20, random_state=0),
        predictor.sample(1, n_points=20, bias=5.0, random_state=0),
    )
    np.testing.assert_array_equal(a[0], b[0])


def test_predict_is_a_function_of_the_text(synthesizer):
    first, again, other = synthesizer.predict(["abc", "abc", "cba"])
    np.testing.assert_allclose(first, again, atol=1e-3)
    assert read(first) != read(other)
    np.testing.assert_allclose(synthesizer.predict(["abc"])[0], first, atol=1e-3)
    drawn = synthesizer.sample(texts=["abc", "abc"], random_state=0)
    assert abs(drawn[0][:5] - drawn[1][:5]).max() > 0
    twice = synthesizer.sample(2, texts=["abc"], random_state=0)
    for one, other in zip(twice, drawn, strict=True):
        np.testing.assert_array_equal(one, other)
    repeated = synthesizer.sample(texts=["abc"], random_state=0)
    np.testing.assert_allclose(repeated[0], drawn[0], atol=1e-3)


def test_many_texts_of_many_lengths(synthesizer):
    texts = ["a" * (1 + i % 6) for i in range(150)]  # more than a batch
    lines = synthesizer.predict(texts)
    lengths = {
        n: {len(line) for line, t in zip(lines, texts, strict=True) if len(t) == n} for n in (1, 6)
    }
    assert max(lengths[1]) < min(lengths[6])
    assert all(np.isfinite(line).all() for line in lines)


def test_a_prime_is_not_in_the_result(synthesizer):
    rng = np.random.default_rng(0)
    prime = (write("cab", rng), "cab")
    written = synthesizer.sample(texts=["bac", "ab"], prime=prime, random_state=0)
    assert [read(strokes) for strokes in written] == ["bac", "ab"]
    one_each = [prime, (write("bb", rng), "bb")]
    written = synthesizer.sample(texts=["bac", "ab"], prime=one_each, random_state=0)
    assert [read(strokes) for strokes in written] == ["bac", "ab"]
    assert (written[0][0] == 0).all()


def test_lines_are_primed_together_as_alone():
    torch.manual_seed(0)
    network = StrokeNetwork(hidden_units=8, n_context=5).eval()
    starts = [torch.randn(length, 3) for length in (4, 1, 9, 4, 6)]
    starts += [starts[0].clone(), starts[2]]  # the first with the same text, the other with another
    context = torch.rand(7, 7, 5)
    context[5] = context[0]
    with torch.inference_mode():
        together = _prime(network, starts, context)
        for row, start in enumerate(starts):
            text = context[row : row + 1]
            states = network.initial_states(1, text)
            if len(start) > 1:
                states = network(start[None, :-1], text, states)[1]
            for one, all_of_layer in zip(states, together, strict=True):
                for alone, of_all in zip(one, all_of_layer, strict=True):
                    if alone is not None:
                        torch.testing.assert_close(of_all[row : row + 1], alone)


# Hands


@pytest.fixture(scope="module")
def styled():
    """Of two writers, one writes large."""
    writers = ["large" if row % 2 else "small" for row in range(len(TEXTS))]
    strokes = [enlarge(points, writer) for points, writer in zip(STROKES, writers, strict=True)]
    model = HandwritingSynthesizer(
        **SMALL | {"batch_size": 8}, style_units=3, n_windows=2, bias=3.0, max_epochs=20
    )
    return model.fit(TEXTS, strokes, groups=writers)


def enlarge(points, writer):
    return points * np.float32([1.6, 1.6, 1] if writer == "large" else [1, 1, 1])


def height(strokes):
    return np.mean([np.ptp(points[:, 1].cumsum()) for points in strokes])


def test_a_vector_describes_a_hand(styled):
    assert styled.styles_.shape == (2, 3) and styled.styles_.dtype == np.float32
    _, lines = make_lines(10, seed=1)
    for row, writer in enumerate(["large", "small"]):  # as their names are sorted
        vectors = styled.encode_style([enlarge(points, writer) for points in lines])
        away = np.linalg.norm(vectors[:, None] - styled.styles_, axis=2)
        assert (away.argmin(axis=1) == row).mean() > 0.8


def test_writes_in_the_hand_of_a_vector(styled):
    texts = ["bac", "ab", "cb"]
    large, small = (styled.sample(3, texts=texts, style=row, random_state=0) for row in (0, 1))
    assert height(large) > 1.2 * height(small)
    between = styled.styles_.mean(axis=0)
    assert len(styled.sample(texts=texts, style=between, random_state=0)) == 3
    each = styled.sample(texts=["ab", "ab"], style=styled.styles_, random_state=0)
    alone = styled.sample(texts=["ab"], style=0, random_state=0)
    np.testing.assert_allclose(each[0], alone[0], atol=1e-3)
    assert np.abs(each[1][:3] - alone[0][:3]).max() > 1


def test_a_prime_shows_the_encoder_its_hand(styled):
    rng = np.random.default_rng(0)
    prime = enlarge(write("cab", rng), "large"), "cab"
    written = styled.sample(texts=["bac"], prime=prime, random_state=0)
    (vector,) = styled.encode_style([prime[0]])
    same = styled.sample(texts=["bac"], prime=prime, style=vector, random_state=0)
    np.testing.assert_array_equal(written[0], same[0])
    other = styled.sample(texts=["bac"], prime=prime, style=1, random_state=0)
    assert not np.array_equal(written[0], other[0])


def test_hands_are_learnt_in_pieces_of_a_line_too():
    groups = [row % 3 for row in range(9)]
    model = tiny(HandwritingSynthesizer, style_units=2, bptt_steps=5)
    model.fit(TEXTS[:9], STROKES[:9], groups=groups)
    assert model.styles_.shape == (3, 2)


def test_kept_hands_write_the_same(styled, tmp_path):
    hwsk.save(styled, tmp_path / "styled.hwsk")
    again = hwsk.load(tmp_path / "styled.hwsk")
    np.testing.assert_array_equal(again.styles_, styled.styles_)
    for style in (1, styled.styles_[1]):
        one, other = (m.sample(texts=["ab"], style=style, random_state=0) for m in (styled, again))
        np.testing.assert_array_equal(one[0], other[0])


def test_wrong_hands_are_refused(styled, synthesizer):
    with pytest.raises(ValueError, match="groups is None: pass the writer of each line"):
        tiny(HandwritingSynthesizer, style_units=2).fit(TEXTS, STROKES)
    with pytest.raises(ValueError, match="fitted without style_units"):
        synthesizer.sample(texts=["ab"], style=0)
    with pytest.raises(ValueError, match="fitted without style_units"):
        synthesizer.encode_style(STROKES[:1])
    with pytest.raises(ValueError, match="style == 2, must be <= 1"):
        styled.sample(texts=["ab"], style=2)
    with pytest.raises(ValueError, match=r"style has shape \(2,\); it takes \(3,\)"):
        styled.sample(texts=["ab"], style=[1.0, 2.0])
    with pytest.raises(ValueError, match="for each of 2 texts"):
        styled.sample(texts=["ab", "ba"], style=np.zeros((3, 3)))
    with pytest.raises(ValueError, match="style has NaN"):
        styled.sample(texts=["ab"], style=[1.0, 2.0, np.nan])


def test_what_of_a_line_is_its_own():
    """The prime "a", a blank, "bc": the pen finishes the prime, jumps, writes, rests in a dot."""
    points = np.array(
        [
            [0.1, 0.5, 0], [0.1, 0.5, 1],  # what the prime had left out
            [4, 0, 0], [0.5, 0.5, 1],  # b, begun while the window is at the blank
            [1, 0, 0], [2, 1, 1],  # c
            [-1, 1, 0], [0.1, 0.1, 1],  # a dot of c
            [0.5, 0, 0], [0.1, 0.1, 1],  # the pen rests
            [0.2, 0, 1],
        ],
        np.float32,
    )  # fmt: skip
    places = np.array([0, 0.2, 1.0, 1.9, 2.4, 2.8, 3.0, 3.1, 3.3, 3.3, 3.4], np.float32)
    line = Sample(points, places, True)
    assert _own(line, n_before=2, n_characters=4) == slice(3, 8)
    assert _own(line, n_before=0, n_characters=4) == slice(0, 8)
    assert _own(line, n_before=0, n_characters=5) == slice(0, 11)
    long = points.copy()
    long[9] = [3, 0, 1]  # a stroke, though the window has passed
    assert _own(Sample(long, places, True), n_before=0, n_characters=4) == slice(0, 10)


def test_saved_and_loaded_they_write_the_same(synthesizer, predictor, tmp_path):
    hwsk.save(synthesizer, tmp_path / "s.hwsk")
    loaded = hwsk.load(tmp_path / "s.hwsk")
    np.testing.assert_array_equal(loaded.predict(["ab"])[0], synthesizer.predict(["ab"])[0])
    assert loaded.score(TEXTS[:5], STROKES[:5]) == synthesizer.score(TEXTS[:5], STROKES[:5])
    copied = pickle.loads(pickle.dumps(predictor))
    np.testing.assert_array_equal(copied.sample(1, n_points=9, random_state=0)[0],
                                  predictor.sample(1, n_points=9, random_state=0)[0])  # fmt: skip
    hwsk.save(predictor, tmp_path / "p.hwsk", half_precision=True)
    assert hwsk.load(tmp_path / "p.hwsk").score(STROKES) == pytest.approx(
        predictor.score(STROKES), abs=1
    )


def test_grid_search():
    grid = GridSearchCV(tiny(), {"n_mixtures": [1, 2]}, cv=2).fit(STROKES[:20])
    assert np.isfinite(grid.best_score_)
    model = tiny(HandwritingSynthesizer, precision="float32")
    search = GridSearchCV(model, {"n_windows": [1, 2]}, cv=2, error_score="raise")
    everything = [text + "abc" for text in TEXTS[:20]]
    search.fit(np.array(everything, object), np.array([*STROKES[:20], None], object)[:-1])
    assert np.isfinite(search.best_score_)


# What they refuse


NAN = STROKES[0].copy()
NAN[2, 0] = np.nan


@pytest.mark.parametrize(
    ("strokes", "words"),
    [
        ([STROKES[0][:1], STROKES[1]], "1 of 2 strokes has a single point, rows 0"),
        ([STROKES[0], NAN], "row 1 hold NaN or infinity, first at point 2"),
        ([STROKES[0], STROKES[1][:, :2]], r"row 1 have shape \(\d+, 2\)"),
        ([np.zeros((100_000, 3), np.float32)], "row 0 have 100,000 points, more than 20,000"),
        ([STROKES[0] * np.float32([1, 1, 2])], "pen_up = 2.0 at point"),
        ([], "holds no strokes"),
    ],
)
def test_strokes_that_are_none(strokes, words, predictor):
    assert MAX_POINTS == 20_000
    with pytest.raises(ValueError, match=words):
        tiny().fit(strokes)
    with pytest.raises(ValueError, match=words):
        predictor.score(strokes)
    if strokes:
        with pytest.raises(ValueError, match=words):
            tiny(HandwritingSynthesizer).fit(["ab"] * len(strokes), strokes)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["abc", ""], "1 of 2 texts in X is empty, rows 1"),
        (["  "], "1 of 1 texts in X is empty, rows 0"),
        (["abQ", "a"], "'abQ' has 'Q', which no text of `fit` had; known are 'abc'"),
        ("abc", "X is one string"),
        (["a", 3], r"X holds 3 \(int\) in row 1; texts are str"),
        ([], "no text"),
        (np.ones((2, 2)), r"X has shape \(2, 2\); texts are"),
    ],
)
def test_texts_that_are_none(synthesizer, texts, words):
    with pytest.raises(ValueError, match=words):
        synthesizer.predict(texts)
    with pytest.raises(ValueError, match=words):
        synthesizer.sample(texts=texts)


@pytest.mark.parametrize(
    ("prime", "words"),
    [
        (STROKES[0], "prime is ndarray; it is a pair"),
        ((STROKES[0],), "prime has no text"),
        ((STROKES[0], None), "prime has no text"),
        ([(STROKES[0], "ab")], "prime is a list of 1; .* a list of 2 such pairs"),
        ((STROKES[0], ""), "prime: its text is empty"),
        ((STROKES[0], "abQ"), "prime: 'abQ' has 'Q'"),
        ([(STROKES[0], "a"), (NAN, "a")], "prime 1: .* NaN"),
        ((STROKES[0][:1], "a"), "prime: .*single point"),
    ],
)
def test_primes_that_are_none(synthesizer, prime, words):
    with pytest.raises(ValueError, match=words):
        synthesizer.sample(texts=["ab", "bc"], prime=prime)


def test_other_bad_input(synthesizer, predictor):
    for call in (
        lambda: predictor.sample(1, n_points=5, bias=-0.1),
        lambda: synthesizer.sample(texts=["ab"], bias=-0.1),
        lambda: tiny(bias=-1.0).fit(STROKES),
    ):
        with pytest.raises(ValueError, match="bias"):
            call()
    with pytest.raises(ValueError, match="n_points"):
        predictor.sample(1, n_points=0)
    with pytest.raises(NotFittedError):
        tiny().sample()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        tiny(HandwritingSynthesizer).fit(TEXTS[:3], STROKES[:2])
    with pytest.raises(ValueError, match="y is None; pass the strokes"):
        tiny(HandwritingSynthesizer).fit(TEXTS[:3], None)
    with pytest.raises(ValueError, match="strokes in row 0 have shape"):
        tiny(HandwritingSynthesizer).fit(TEXTS[:3], np.ones(3))


def test_a_failed_fit_leaves_the_former_one(synthesizer):
    model = copy.deepcopy(synthesizer)
    before = model.predict(["ab"])[0]
    with pytest.raises(ValueError, match="NaN"):
        model.fit(["xyz"], [NAN])
    assert model.alphabet_ == "abc"
    np.testing.assert_array_equal(model.predict(["ab"])[0], before)


def test_lines_that_never_end_are_cut_with_a_warning():
    model = tiny(HandwritingSynthesizer, n_windows=1).fit(TEXTS, STROKES)
    with torch.no_grad():
        model.net_.module_.layers[0].to_window.bias[2] = -20.0  # the window stands still
    with pytest.warns(UserWarning, match="2 of 2 lines were cut, rows 0, 1: in 4 tries"):
        lines = model.predict(["ab", "abc"])
    assert [len(line) for line in lines] == [1 + 60 * 3, 1 + 60 * 4]
    with pytest.warns(UserWarning, match="1 of 1 lines was cut, rows 0: in 1 try the"):
        model.sample(texts=["ab"], tries=1)
    with pytest.raises(ValueError, match="tries == 0, must be >= 1"):
        model.sample(texts=["ab"], tries=0)
