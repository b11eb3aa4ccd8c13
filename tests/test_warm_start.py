"""`fit` on a fitted recognizer: how new letters begin, and who discards a loaded network."""

import warnings

import pytest
import torch

import hwsk
from hwsk.datasets import make_handwriting
from hwsk.recognition import CTCRecognizer

SMALL = {
    "height": 16,
    "channels": (4, 8, 8),
    "dense_units": 16,
    "hidden_units": 16,
    "num_layers": 1,
    "shortcut_weight": 1.0,
    "max_epochs": 1,
    "random_state": 0,
}


@pytest.fixture
def words():
    return make_handwriting(12, texts=["on", "no"], random_state=0)


@pytest.fixture
def recognizer(words):
    return CTCRecognizer(**SMALL).fit(words.images, words.text)


def test_a_new_letter_begins_like_its_base(recognizer):
    recognizer.alphabet_ += "ñx"
    module = recognizer._module_to_train_further()
    for head in (module.head, module.shortcut):
        torch.testing.assert_close(head.weight[3], head.weight[1])  # of "n"
        torch.testing.assert_close(head.bias[3], head.bias[1])
        assert not torch.equal(head.weight[4], head.weight[1])


@pytest.mark.filterwarnings("ignore:.*reads nothing at all")
def test_fit_warns_before_it_discards_a_loaded_network(recognizer, words, tmp_path):
    hwsk.save(recognizer, tmp_path / "reader.hwsk")
    loaded = hwsk.load(tmp_path / "reader.hwsk")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        hwsk.load(tmp_path / "reader.hwsk").set_params(warm_start=True).fit(
            words.images, words.text
        )
        hwsk.load(tmp_path / "reader.hwsk").partial_fit(words.images, words.text)
    assert not [warning for warning in seen if "discards" in str(warning.message)]
    with pytest.warns(UserWarning, match="discards the pretrained network of this CTCRecognizer"):
        loaded.fit(words.images, words.text)
    with warnings.catch_warnings(record=True) as seen:  # trained here: no word
        warnings.simplefilter("always")
        loaded.fit(words.images, words.text)
    assert not [warning for warning in seen if "discards" in str(warning.message)]
