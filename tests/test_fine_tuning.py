"""Test `fine_tune`: new hands and letters from a few lines, and what was known is kept."""

import copy
import re

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from hwsk._data.images import object_array
from hwsk.datasets import make_handwriting
from hwsk.documents import PageReader
from hwsk.preprocessing import HeightNormalizer
from hwsk.recognition import CTCDecoder, CTCRecognizer, NgramLanguageModel, fine_tune

SMALL = {
    "height": 16,
    "channels": (8, 16, 16),
    "dense_units": 32,
    "hidden_units": 32,
    "num_layers": 1,
    "shortcut_weight": 1.0,
    "batch_size": 4,
    "lr": 5e-3,
    "random_state": 0,
}
WORDS = ["on", "no", "one", "ten", "net", "tone"]


def weights(reader):
    state = reader[-1].net_.module_.state_dict()
    return {name: value.clone() for name, value in state.items()}


@pytest.fixture(scope="module")
def words():
    return make_handwriting(100, texts=WORDS, n_writers=25, random_state=0)


@pytest.fixture(scope="module")
def reader(words):
    recognizer = CTCRecognizer(**SMALL, max_epochs=8)
    return make_pipeline(HeightNormalizer(16), recognizer).fit(words.images, words.text)


def test_new_letters_are_learnt_and_old_words_are_kept(reader, words):
    before = weights(reader)
    new, held_out = (
        make_handwriting(20, texts=["xon", "nox", "oxo", "nonx"], n_writers=20, random_state=seed)
        for seed in (1, 2)
    )
    options = {"lr": 2e-3, "max_epochs": 20, "random_state": 0}
    tuned, halfway = (
        fine_tune(reader, new.images, new.text, alpha=alpha, **options) for alpha in (1.0, 0.5)
    )
    assert tuned[-1].alphabet_ == reader[-1].alphabet_ + "x"
    assert sum("x" in text for text in tuned.predict(held_out.images)) >= 12
    known = make_handwriting(40, texts=WORDS, n_writers=10, random_state=3)
    forgetful, kept = (model.score(known.images, known.text) for model in (tuned, halfway))
    assert kept > forgetful + 0.1
    assert all(torch.equal(before[name], now) for name, now in weights(reader).items())


def test_weights_of_new_letters_take_longer_steps(reader, words, monkeypatch):
    X, y = words.images[:8], ["xon", *words.text[1:8]]
    n_known = 1 + len(reader[-1].alphabet_)
    options = {"max_epochs": 1, "alpha": 1.0, "random_state": 0}  # one step
    begun = weights(fine_tune(reader, X, y, lr=1e-30, **options))
    fast = weights(fine_tune(reader, X, y, **options))
    monkeypatch.setattr("hwsk.recognition._fine_tuning._NEW_LETTERS_LR", 1.0)
    slow = weights(fine_tune(reader, X, y, **options))
    for name in ("head.weight", "shortcut.weight"):
        (short, known), (long, same) = (
            ((state[name] - begun[name])[n_known:], state[name][:n_known]) for state in (slow, fast)
        )
        assert short.abs().max() > 1e-5
        torch.testing.assert_close(long, 16 * short, rtol=1e-3, atol=1e-5)
        torch.testing.assert_close(same, known)


def test_weights_end_between_former_and_new_ones(reader, words):
    X, y = words.images[:8], words.text[:8]
    former = weights(reader)
    none, half, whole = (
        weights(fine_tune(reader, X, y, alpha=alpha, max_epochs=2, random_state=0))
        for alpha in (0.0, 0.5, 1.0)
    )
    for name, value in former.items():
        torch.testing.assert_close(none[name], value)
        if value.is_floating_point():
            torch.testing.assert_close(half[name], (value + whole[name]) / 2)
        if "running" in name:  # statistics of batch normalisation
            torch.testing.assert_close(whole[name], value)
    assert any(not torch.equal(whole[name], value) for name, value in former.items())


def test_rehearsal_is_learnt_along(reader, words):
    X, y = words.images[:8], words.text[:8]
    options = {"max_epochs": 1, "random_state": 0}
    alone = weights(fine_tune(reader, X, y, **options))
    along = weights(fine_tune(reader, X, y, rehearsal=(words.images, words.text), **options))
    assert any(not torch.equal(alone[name], along[name]) for name in alone)


def test_rehearsal_does_not_shorten_the_time_for_the_new_lines(reader, words, monkeypatch):
    monkeypatch.setattr("hwsk.recognition._fine_tuning._STEPS", 5)
    X, y = words.images[:8], words.text[:8]
    for rehearsal in (None, (words.images, words.text)):
        tuned = fine_tune(reader, X, y, rehearsal=rehearsal, random_state=0)
        assert tuned[-1].n_iter_ == 5


def test_rehearsal_of_pandas_is_taken_by_position(reader, words):
    X, y = words.images[:8], words.text[:8]
    rows = np.random.default_rng(0).permutation(len(words.text))
    table = pd.DataFrame({"image": list(words.images), "text": words.text}).iloc[rows]
    options = {"max_epochs": 1, "random_state": 0}
    arrays = object_array([words.images[row] for row in rows]), words.text[rows]
    one = weights(fine_tune(reader, X, y, rehearsal=(table["image"], table["text"]), **options))
    other = weights(fine_tune(reader, X, y, rehearsal=arrays, **options))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_language_model_of_other_letters_is_named(reader, words):
    model = NgramLanguageModel(order=2).fit(["on no one ten net tone"])
    guided = copy.deepcopy(reader)
    guided[-1].set_params(decoder=CTCDecoder(language_model=model))
    with pytest.warns(UserWarning, match="language model does not know, such as 'x'"):
        fine_tune(guided, words.images[:8], ["xon", *words.text[1:8]], max_epochs=1, random_state=0)


def test_parameters_are_those_of_before(reader, words):
    tuned = fine_tune(reader, words.images[:8], words.text[:8], max_epochs=1, random_state=0)
    assert tuned[-1].get_params() == reader[-1].get_params()
    assert not tuned[-1].warm_start


def test_one_seed_gives_one_network(reader, words):
    X, y = words.images[:8], words.text[:8]
    one, two, other = (
        weights(fine_tune(reader, X, y, max_epochs=1, random_state=seed)) for seed in (0, 0, 1)
    )
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_all_unknown_letters_are_named(reader, words):
    model = NgramLanguageModel(order=2).fit(["on no one ten net tone"])
    guided = copy.deepcopy(reader)
    guided[-1].set_params(decoder=CTCDecoder(language_model=model))
    with pytest.warns(UserWarning, match=r"such as 'x', 'ß'; it hinders"):  # é is like e
        fine_tune(guided, words.images[:4], ["éx", "ßé", "on", "no"], max_epochs=1, random_state=0)


def test_a_line_that_is_a_file_is_named(reader, words, tmp_path):
    files = [str(tmp_path / f"{row}.png") for row in range(5)]
    for file, image in zip(files, words.images, strict=False):
        cv2.imwrite(file, image)
    y = [*words.text[:3], "tone" * 90, words.text[4]]
    for model in (reader, reader[-1]):
        with pytest.raises(ValueError, match=rf"rows 3 \({re.escape(files[3])}\); row 3: 'tone"):
            fine_tune(model, files, y)
    rehearsal = ([files[3]], ["tone" * 90])
    with pytest.raises(ValueError, match=rf"rows 5 \({re.escape(files[3])}\)"):
        fine_tune(reader, words.images[:5], words.text[:5], rehearsal=rehearsal)


def test_a_text_with_a_line_break_is_refused(reader, words):
    with pytest.raises(ValueError, match=r"1 of 5 texts in y holds line breaks .* rows 2; row 2"):
        fine_tune(reader, words.images[:5], ["on", "no", "on\n", "on", "no"])


@pytest.mark.parametrize(
    ("wrong", "error", "match"),
    [
        ({"rehearsal": 3}, TypeError, r"rehearsal is 3 \(int\); pass a tuple of two"),
        ({"rehearsal": (["a.png"],)}, TypeError, "pass a tuple of two"),
        ({"rehearsal": (["a.png"], ["a", "b"])}, ValueError, "holds 1 image and 2 texts"),
        ({"callbacks": None}, TypeError, "callbacks=None: pass a list"),
        ({"callbacks": "progress"}, TypeError, "callbacks='progress': pass a list"),
    ],
)
def test_wrong_options_are_named(reader, words, wrong, error, match):
    with pytest.raises(error, match=match):
        fine_tune(reader, words.images[:4], words.text[:4], **wrong)


def test_fine_tune_names_what_is_wrong(reader, words):
    with pytest.raises(ValueError, match="y holds 1 line; fine-tuning needs 4 or more"):
        fine_tune(reader, words.images[:1], words.text[:1])
    with pytest.raises(
        TypeError, match=r"str is not fine-tuned .* hwsk\.load gives that of a name"
    ):
        fine_tune("iam-lines", words.images[:4], words.text[:4])
    with pytest.raises(TypeError, match=r"PageReader is not .* in one, such as its `recognizer`"):
        fine_tune(PageReader(None, reader), words.images[:4], words.text[:4])
    with pytest.raises(ValueError, match="y holds 3 lines; fine-tuning needs 4 or more"):
        fine_tune(reader, words.images[:3], words.text[:3])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fine_tune(reader, words.images[:5], words.text[:4])
    with pytest.raises(ValueError, match=r"rehearsal\[1\]"):
        fine_tune(reader, words.images[:4], words.text[:4], rehearsal=(words.images[:2], ["a", ""]))
    for wrong in ({"alpha": float("nan")}, {"lr": float("nan")}):
        with pytest.raises(ValueError, match="both are finite numbers"):
            fine_tune(reader, words.images[:4], words.text[:4], **wrong)
    with pytest.raises(TypeError, match="HeightNormalizer is not fine-tuned here"):
        fine_tune(HeightNormalizer(16), words.images[:4], words.text[:4])


def test_an_interrupted_fine_tuning_is_an_error(reader, words, monkeypatch):
    def stop(self, images, texts):
        self.n_iter_ = 1

    monkeypatch.setattr(CTCRecognizer, "fit", stop)
    with pytest.raises(RuntimeError, match="ended after 1 of 7 epochs; the reader is as it was"):
        fine_tune(reader, words.images[:8], words.text[:8], max_epochs=7)


def test_callbacks_see_the_epochs_and_end_the_training_by_an_exception(reader, words):
    class Watch(Callback):
        def __init__(self, most):
            self.most = most
            self.epochs = 0

        def on_epoch_end(self, net, **kwargs):
            self.epochs += 1
            if self.epochs == self.most:
                raise LookupError("enough")

    X, y = words.images[:8], words.text[:8]
    watch = Watch(most=9)
    fine_tune(reader, X, y, max_epochs=2, callbacks=[watch], random_state=0)
    assert watch.epochs == 2
    former = weights(reader)
    with pytest.raises(Exception, match="enough"):
        fine_tune(reader, X, y, max_epochs=3, callbacks=[Watch(most=1)], random_state=0)
    assert all(torch.equal(former[name], value) for name, value in weights(reader).items())
