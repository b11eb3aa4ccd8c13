"""The networks against their definitions, and against torch's own."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from hwsk.networks.crnn import CRNN, BidirectionalLSTM, CTCLoss
from hwsk.recognition._decoding import greedy_decode

pytestmark = pytest.mark.arithmetic


def make_crnn(n_classes: int = 5, num_layers: int = 2) -> CRNN:
    """A CRNN whose batch norms have seen something: their zeros are not zeros afterwards."""
    torch.manual_seed(0)
    module = CRNN(n_classes, (4, 6, 8), 8, 8, num_layers, dropout=0.5)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.bias)
            nn.init.normal_(layer.running_mean)
            nn.init.uniform_(layer.running_var, 0.5, 2)
    return module.eval()


@pytest.fixture(autouse=True)
def _restore_torch():
    with torch.random.fork_rng([]):
        yield


@pytest.mark.parametrize("height", [1, 8, 17, 40])
@torch.no_grad()
def test_a_line_reads_the_same_alone_and_in_a_batch(height):
    module = make_crnn()
    widths = torch.tensor([1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 31, 33, 64, 90])
    lines = [torch.rand(height, width) for width in widths]
    batch = torch.zeros(len(lines), 1, height, 96)
    for row, line in zip(batch, lines, strict=True):
        row[0, :, : line.shape[1]] = line
    together, lengths, shortcut = module(batch, widths)
    assert shortcut is None
    assert together.dtype == torch.float32
    torch.testing.assert_close(lengths, CRNN.output_lengths(widths))
    torch.testing.assert_close(together.exp().sum(2), torch.ones(together.shape[:2]))
    for i, line in enumerate(lines):
        alone, steps, _ = module(line[None, None], widths[i : i + 1])
        assert len(alone) == steps == lengths[i]
        torch.testing.assert_close(together[: lengths[i], i], alone[:, 0], rtol=0, atol=1e-5)


def test_output_lengths():
    widths = torch.arange(1, 10)
    assert CRNN.output_lengths(widths).tolist() == [1, 1, 1, 1, 2, 2, 2, 2, 3]


def test_shortcut_head_reads_in_training_only():
    module = make_crnn().train()
    log_probs, _, shortcut = module(torch.rand(3, 1, 16, 32), torch.tensor([32, 9, 17]))
    assert shortcut.shape == log_probs.shape == (8, 3, 5)


@torch.no_grad()
def test_bfloat16_gives_float32_log_probabilities_nearby():
    module = make_crnn()
    images, widths = torch.rand(2, 1, 16, 64), torch.tensor([64, 40])
    exact, _, _ = module(images, widths)
    with torch.autocast("cpu", torch.bfloat16):
        rough, _, _ = module(images, widths)
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough[:10], exact[:10], rtol=0, atol=0.1)


@pytest.mark.parametrize("num_layers", [1, 3])
def test_bidirectional_lstm_equals_packed_sequences(num_layers):
    torch.manual_seed(0)
    ours = BidirectionalLSTM(6, 7, num_layers, dropout=0.5).eval()
    theirs = nn.LSTM(6, 7, num_layers, bidirectional=True)
    for layer in range(num_layers):
        for direction, suffix in ((ours.forwards, ""), (ours.backwards, "_reverse")):
            for name, value in direction[layer].named_parameters():
                getattr(theirs, name.replace("l0", f"l{layer}{suffix}")).data.copy_(value)
    lengths = torch.tensor([9, 1, 5, 2])
    x = torch.randn(9, 4, 6)
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
    expected, _ = nn.utils.rnn.pad_packed_sequence(theirs(packed)[0])
    given_ = ours(x, lengths)
    for i, length in enumerate(lengths):
        torch.testing.assert_close(given_[:length, i], expected[:length, i], rtol=0, atol=1e-5)


def test_ctc_loss_is_the_mean_over_lines_by_characters():
    torch.manual_seed(0)
    log_probs, shortcut = torch.randn(2, 12, 3, 5).log_softmax(3)
    lengths = torch.tensor([12, 7, 3])
    target = torch.tensor([1, 2, 2, 3, 4, 1]), torch.tensor([3, 2, 1])

    def negative_log_likelihood(output):
        one_by_one = F.ctc_loss(output, *target[:1], lengths, target[1], reduction="none")
        return (one_by_one / target[1]).mean()

    plain = CTCLoss(0.5)((log_probs, lengths, None), target)
    torch.testing.assert_close(plain, negative_log_likelihood(log_probs))
    both = CTCLoss(0.5)((log_probs, lengths, shortcut), target)
    expected = negative_log_likelihood(log_probs) + 0.5 * negative_log_likelihood(shortcut)
    torch.testing.assert_close(both, expected)
    torch.testing.assert_close(CTCLoss(0)((log_probs, lengths, shortcut), target), plain)


def test_ctc_loss_counts_a_line_that_became_too_short_as_nothing():
    log_probs = torch.zeros(4, 2, 3).log_softmax(2).requires_grad_()
    lengths = torch.tensor([4, 2])
    target = torch.tensor([1, 2, 1, 1, 1]), torch.tensor([2, 3])
    loss = CTCLoss(0.1)((log_probs, lengths, log_probs), target)
    loss.backward()
    assert torch.isfinite(loss)
    assert log_probs.grad[:, 0].any()
    assert not log_probs.grad[:, 1].any()


def decode_by_hand(path: list[int]) -> list[int]:
    read, before = [], None
    for label in path:
        if label != before and label != 0:
            read.append(label)
        before = label
    return read


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=12), min_size=1, max_size=4))
def test_greedy_decode(paths):
    time = max(map(len, paths))
    rng = np.random.default_rng(time)
    scores = rng.random((time, len(paths), 4))  # beyond a line's own length: noise
    for i, path in enumerate(paths):
        scores[np.arange(len(path)), i, path] += 1
    lengths = torch.tensor([len(path) for path in paths])
    read = greedy_decode(torch.from_numpy(scores), lengths)
    assert [row.tolist() for row in read] == [decode_by_hand(path) for path in paths]
