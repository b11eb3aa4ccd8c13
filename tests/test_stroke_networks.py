"""The networks over pen strokes against plain loops, autograd and torch's own distributions."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.distributions import (
    Bernoulli,
    Categorical,
    MixtureSameFamily,
    MultivariateNormal,
)

from hwsk.networks import _products
from hwsk.networks.mixture import (
    MixtureLoss,
    log_density,
    make_mixture,
    mask,
    n_outputs,
)
from hwsk.networks.noise import WeightNoise
from hwsk.networks.optim import CentredRMSprop
from hwsk.networks.recurrent import LSTMLayer, LSTMState, window_weights
from hwsk.networks.stepper import Stepper
from hwsk.networks.strokes import StrokeNetwork, StyleEncoder
from hwsk.synthesis._sampling import draw

pytestmark = pytest.mark.arithmetic


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        yield


def loop(layer, inputs, context):
    """The layer cell by cell, as the equations stand; autograd finds the gradients."""
    state = layer.initial_state(inputs.shape[1], context)
    hiddens, windows = [], []
    for x in inputs:
        before = state.hidden
        if context is not None:
            before = torch.cat([before, state.window], dim=1)
        gates = F.linear(x, layer.weight_input, layer.bias) + F.linear(before, layer.weight_hidden)
        enter, keep, new, show = gates.chunk(4, dim=1)
        cell = keep.sigmoid() * state.cell + enter.sigmoid() * new.tanh()
        hidden = show.sigmoid() * cell.tanh()
        window = position = None
        if context is not None:
            weights, precisions, steps = layer.window_parameters(hidden)
            position = state.position + steps
            phi = torch.zeros(context.shape[:2], dtype=x.dtype)
            for u in range(context.shape[1]):  # equation 46
                away = (position - (u + 1)) ** 2
                phi[:, u] = (weights * torch.exp(-precisions * away)).sum(dim=1)
            window = torch.einsum("nu,nuc->nc", phi, context)
            windows.append(window)
        state = LSTMState(hidden, cell, window, position)
        hiddens.append(hidden)
    return torch.stack(hiddens), torch.stack(windows) if windows else None, state


def test_a_layer_without_a_window_is_torchs_lstm():
    layer, theirs = LSTMLayer(5, 7).double(), nn.LSTM(5, 7).double()
    theirs.weight_ih_l0.data = layer.weight_input.data.clone()
    theirs.weight_hh_l0.data = layer.weight_hidden.data.clone()
    theirs.bias_ih_l0.data = layer.bias.data.clone()
    theirs.bias_hh_l0.data.zero_()
    x = torch.randn(40, 3, 5, dtype=torch.float64, requires_grad=True)
    ours, seen, state = layer(x, layer.initial_state(3))
    expected, (_, cell) = theirs(x)
    assert seen is None
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(state.cell, cell[0])
    out = torch.randn_like(ours)
    names = ["weight_input", "weight_hidden", "bias"]
    mine = torch.autograd.grad(ours, [x, *(getattr(layer, name) for name in names)], out)
    names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0"]
    those = torch.autograd.grad(expected, [x, *(getattr(theirs, name) for name in names)], out)
    torch.testing.assert_close(mine, those)


@given(
    n=st.integers(1, 3), n_steps=st.integers(1, 40), n_windows=st.integers(1, 3),
    n_characters=st.integers(1, 5), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=20)
def test_a_window_is_what_its_equations_say(n, n_steps, n_windows, n_characters, seed):
    torch.manual_seed(seed)
    layer = LSTMLayer(2, 4, n_windows, n_context=3, first_step=0.3).double()
    context = torch.randn(n, n_characters, 3, dtype=torch.float64)
    x = torch.randn(n_steps, n, 2, dtype=torch.float64, requires_grad=True)
    hidden, window, state = layer(x, layer.initial_state(n, context), context)
    expected, expected_window, expected_state = loop(layer, x, context)
    torch.testing.assert_close(hidden, expected)
    torch.testing.assert_close(window, expected_window)
    torch.testing.assert_close(state.position, expected_state.position)
    outs = [torch.randn_like(hidden), torch.randn_like(window)]
    of = [x, *layer.parameters()]
    mine = torch.autograd.grad([hidden, window], of, outs)
    torch.testing.assert_close(mine, torch.autograd.grad([expected, expected_window], of, outs))


def test_float32_is_as_good_as_a_loop_in_float32():
    layer = LSTMLayer(3, 32, 5, n_context=8)
    context, x = torch.eye(8)[None, :6].repeat(2, 1, 1), torch.randn(50, 2, 3)
    hidden, window, _ = layer(x, layer.initial_state(2, context), context)
    expected, expected_window, _ = loop(layer, x, context)
    torch.testing.assert_close(hidden, expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(window, expected_window, rtol=0, atol=1e-5)


def test_derivatives_into_the_gates_are_clipped():
    """A clip so tight that each step's derivative into the gates is at it: gradients are counts."""
    n, n_steps, limit = 4, 6, 1e-9
    layer = LSTMLayer(2, 3, derivative_clip=limit).double()
    x = torch.randn(n_steps, n, 2, dtype=torch.float64)
    hidden, _, _ = layer(x, layer.initial_state(n))
    hidden.sum().backward()
    each = (layer.bias.grad / (limit / n)).numpy()
    np.testing.assert_allclose(each, np.rint(each), atol=1e-6)
    assert np.abs(each).max() == pytest.approx(n_steps * n)
    free = LSTMLayer(2, 3, derivative_clip=1e9).double()
    free.load_state_dict(layer.state_dict())
    free(x, free.initial_state(n))[0].sum().backward()
    assert free.bias.grad.abs().max() > 0.01


def test_a_new_window_moves_as_slowly_as_initialized():
    layer = LSTMLayer(3, 20, 10, n_context=4, first_step=0.04)
    context = torch.rand(5, 9, 4)
    _, _, state = layer(torch.randn(100, 5, 3), layer.initial_state(5, context), context)
    assert 2 < state.position.mean() < 8  # 4 characters in 100 steps


def make_network(**arguments):
    arguments = {"hidden_units": 6, "num_layers": 3, "n_mixtures": 2} | arguments
    return StrokeNetwork(**arguments).double()


@pytest.mark.parametrize("n_context", [0, 4])
@pytest.mark.parametrize(("n", "num_layers"), [(1, 3), (3, 1), (3, 3)])
@torch.no_grad()
def test_step_by_step_or_at_once_or_in_pieces(n_context, n, num_layers):
    network = make_network(n_context=n_context, n_windows=2, num_layers=num_layers)
    points = torch.randn(n, 11, 3, dtype=torch.float64)
    context = torch.rand(n, 5, n_context, dtype=torch.float64) if n_context else None
    at_once, last = network(points, context)
    assert at_once.shape == (n, 11, n_outputs(2))
    first, between = network(points[:, :4], context)
    for start, states in ((0, network.initial_states(n, context)), (4, between)):
        stepper = Stepper(network, states, context)
        for t in range(start, 11):
            outputs, _ = stepper.step(points[:, t].numpy())
            np.testing.assert_allclose(outputs, at_once[:, t])
    second, end = network(points[:, 4:], context, between)  # the steps have left `between` alone
    torch.testing.assert_close(torch.cat([first, second], dim=1), at_once)
    for of_layer in zip(last, end, strict=True):
        for parts in zip(*of_layer, strict=True):
            if parts[0] is not None:
                torch.testing.assert_close(parts[0], parts[1])


@torch.no_grad()
def test_attention_over_a_line_is_that_of_its_steps():
    network = make_network(n_context=4, n_windows=2)
    points = torch.randn(2, 9, 3, dtype=torch.float64)
    context = torch.rand(2, 5, 4, dtype=torch.float64)
    phi = network.attention_over(points, context)
    stepper = Stepper(network, network.initial_states(2, context), context)
    for t in range(9):
        _, now = stepper.step(points[:, t].numpy())
        np.testing.assert_allclose(now, phi[:, t])


@pytest.mark.parametrize(("n_context", "n_style"), [(0, 0), (4, 0), (4, 6)])
@torch.no_grad()
def test_sequences_step_in_float32_as_at_once_while_others_end(n_context, n_style):
    """From 32 to a single one, so through each way to multiply."""
    network = make_network(n_context=n_context, n_style=n_style, n_windows=2, hidden_units=40)
    network = network.float()
    points = torch.randn(32, 40, 3)
    context = torch.rand(32, 5, n_context) if n_context else None
    style = torch.randn(32, n_style) if n_style else None
    at_once, _ = network(points, context, style=style)
    stepper = Stepper(network, network.initial_states(32, context), context, style)
    rows = np.arange(32)
    for t in range(40):
        outputs, _ = stepper.step(points[rows, t].numpy())
        np.testing.assert_allclose(outputs, at_once[rows, t], rtol=0, atol=1e-5)
        if len(rows) > 1:
            kept = np.arange(len(rows)) != t % len(rows)
            rows = rows[kept]
            stepper.keep(kept)
    assert len(rows) == 1


def test_a_hand_is_seen_by_its_vector_or_its_reference():
    network = make_network(n_context=4, n_windows=2, n_style=5).eval()
    points = torch.randn(2, 8, 3, dtype=torch.float64)
    context = torch.rand(2, 5, 4, dtype=torch.float64)
    reference, lengths = torch.randn(2, 30, 3, dtype=torch.float64), torch.tensor([30, 0])
    style = network.encoder(reference, lengths)
    assert (style[1] == 0).all() and (style[0] != 0).all()  # no reference: no hand
    outputs = network(points, context, reference=reference, reference_lengths=lengths)[0]
    torch.testing.assert_close(outputs, network(points, context, style=style)[0])
    torch.testing.assert_close(outputs[1], network(points, context)[0][1])
    assert (outputs[0] != network(points, context)[0][0]).all()


def test_a_hand_does_not_hang_on_padding_or_on_others():
    encoder = StyleEncoder(5).double().eval()
    reference, lengths = torch.randn(3, 30, 3, dtype=torch.float64), torch.tensor([30, 17, 1])
    together = encoder(reference, lengths)
    for row, length in enumerate(lengths):
        alone = encoder(reference[row : row + 1, :length], lengths[row : row + 1])
        torch.testing.assert_close(together[row : row + 1], alone)
    assert together.isfinite().all()


def test_vectors_of_hands_are_normalized_over_a_batch():
    encoder = StyleEncoder(5).double().train()
    reference = torch.randn(40, 30, 3, dtype=torch.float64) * torch.rand(40, 1, 1) * 3
    style = encoder(reference, torch.full((40,), 30))
    torch.testing.assert_close(style.mean(dim=0), torch.zeros(5).double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(
        style.std(dim=0, correction=0), torch.ones(5).double(), atol=1e-2, rtol=0
    )
    alone = encoder(reference[:1], torch.tensor([30]))  # which has no deviation
    assert alone.isfinite().all()


def test_what_comes_later_or_is_padding_changes_nothing():
    network = make_network()
    points = torch.randn(2, 8, 3, dtype=torch.float64)
    changed = points.clone()
    changed[:, 5:] = 9
    torch.testing.assert_close(network(points)[0][:, :5], network(changed)[0][:, :5])
    target = points[:, :, :].clone()
    target[:, :, 2] = (target[:, :, 2] > 0).double()
    loss, lengths = MixtureLoss(2), torch.tensor([8, 3])
    padded = target.clone()
    padded[1, 3:] = 7.0
    outputs = network(points)[0]
    torch.testing.assert_close(
        loss((outputs,), (target, lengths)), loss((outputs,), (padded, lengths))
    )
    assert mask(lengths, 8).sum() == 11


# The mixture density


def outputs_like(n, n_mixtures):
    return torch.randn(n, n_outputs(n_mixtures), dtype=torch.float64)


@given(n_mixtures=st.integers(1, 20), bias=st.floats(0, 2), seed=st.integers(0, 99))
@settings(max_examples=30)
def test_density_is_that_of_torch_distributions(n_mixtures, bias, seed):
    torch.manual_seed(seed)
    outputs = outputs_like(7, n_mixtures)
    points = torch.cat([torch.randn(7, 2), torch.randint(2, (7, 1))], dim=1).double()
    mixture = make_mixture(outputs, n_mixtures, bias)
    scale = mixture.log_scales.exp()
    off = mixture.correlations * scale.prod(dim=-1)
    covariance = torch.diag_embed(scale**2)
    covariance[..., 0, 1] = covariance[..., 1, 0] = off
    theirs = MixtureSameFamily(
        Categorical(logits=outputs[:, :n_mixtures] * (1 + bias)),
        MultivariateNormal(mixture.means, covariance),
    ).log_prob(points[:, :2]) + Bernoulli(logits=mixture.lift_logits).log_prob(points[:, 2])
    torch.testing.assert_close(log_density(mixture, points), theirs, rtol=1e-5, atol=1e-5)
    single = make_mixture(outputs.float(), n_mixtures, bias)
    torch.testing.assert_close(
        log_density(single, points.float()).double(), theirs, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("value", [1e4, -1e4])
def test_density_stays_finite_where_the_network_goes_wild(value):
    outputs = torch.full((1, n_outputs(2)), value, requires_grad=True)
    loss = -log_density(make_mixture(outputs, 2), torch.tensor([[1.0, 2.0, 1.0]])).sum()
    loss.backward()
    assert loss.isfinite() and outputs.grad.isfinite().all()


def test_points_are_drawn_from_the_density():
    outputs = outputs_like(1, 3).repeat(40_000, 1)
    mixture = make_mixture(outputs, 3)
    rng = np.random.default_rng(0)
    chances = np.hstack([rng.random((40_000, 2)), rng.standard_normal((40_000, 2))])
    points = torch.from_numpy(draw(outputs.numpy(), 3, 0.0, chances))
    weights, means = mixture.log_weights[0].exp(), mixture.means[0]
    mean = weights @ means
    np.testing.assert_allclose(points[:, :2].mean(0), mean, atol=0.05)
    scale = mixture.log_scales[0].exp()
    within = scale[:, 0] * scale[:, 1] * mixture.correlations[0]
    away = means - mean
    covariance = weights @ (within + away[:, 0] * away[:, 1])
    assert np.cov(points[:, :2].T)[0, 1] == pytest.approx(float(covariance), abs=0.1)
    assert float(points[:, 2].mean()) == pytest.approx(
        float(mixture.lift_logits[0].sigmoid()), abs=0.01
    )


def test_a_last_component_is_drawn_where_rounding_leaves_a_gap():
    outputs = np.zeros((1, n_outputs(3)), np.float32)
    assert np.isfinite(draw(outputs, 3, 0.0, np.array([[1.0, 0.5, 0.0, 0.0]]))).all()


def test_bias_narrows_the_density():
    outputs = outputs_like(50, 4)
    chances = np.array([[0.5, 0.5, 1.0, -1.0]] * 50)
    free, biased = (make_mixture(outputs, 4, bias) for bias in (0.0, 3.0))
    assert (biased.log_weights.amax(1) >= free.log_weights.amax(1)).all()
    torch.testing.assert_close(biased.log_scales, free.log_scales - 3)
    sure = make_mixture(outputs, 4, 30.0)
    best = sure.means[torch.arange(50), sure.log_weights.argmax(dim=1)]
    np.testing.assert_allclose(draw(outputs.numpy(), 4, 30.0, chances)[:, :2], best, atol=1e-4)


def test_derivatives_of_the_outputs_are_clipped():
    outputs = torch.zeros(2, 3, n_outputs(1), requires_grad=True)
    points, lengths = torch.full((2, 3, 3), 1.0), torch.tensor([3, 2])
    points[:, :, :2] = 1000.0
    MixtureLoss(1, derivative_clip=100.0)((outputs,), (points, lengths)).backward()
    assert outputs.grad.abs().max() == pytest.approx(100 / 2)
    assert not outputs.grad[1, 2].any()


# The optimizer and the noise


def test_rmsprop_takes_the_steps_of_the_paper():
    weight = nn.Parameter(torch.tensor([1.0, -2.0]))
    optimizer = CentredRMSprop([weight], lr=0.1)
    n = g = delta = torch.zeros(2)
    expected = weight.detach().clone()
    for step in range(5):
        gradient = torch.tensor([1.0 + step, -0.5 * step])
        weight.grad = gradient.clone()
        optimizer.step()
        n = 0.95 * n + 0.05 * gradient**2  # equations 38 to 45
        g = 0.95 * g + 0.05 * gradient
        delta = 0.9 * delta - 0.1 * gradient / torch.sqrt(n - g**2 + 1e-4)
        expected = expected + delta
        torch.testing.assert_close(weight.detach(), expected)
    decayed = nn.Parameter(torch.ones(1))
    decayed.grad = torch.zeros(1)
    CentredRMSprop([decayed], lr=0.1, weight_decay=0.5).step()
    assert decayed.item() == pytest.approx(0.95)


def test_adaptive_noise_has_the_gradients_of_its_loss():
    """Against autograd over the whole of the loss, divergence and all."""
    n_samples = 50
    mean = nn.Parameter(torch.randn(4, dtype=torch.float64))
    noise = WeightNoise([mean], 0.3, adaptive=True).double()
    means, drawn = noise.add([mean])
    wanted = torch.linspace(-1, 1, 4).double()
    ((mean - wanted) ** 2).sum().backward()
    noise.take_away([mean], means, drawn, n_samples)
    torch.testing.assert_close(mean.detach(), means[0])

    mu = means[0].clone().requires_grad_()
    log_sigma = noise.log_deviations[0].detach().clone().requires_grad_()
    weight = mu + log_sigma.exp() * (drawn[0] / 0.3)
    prior_mean = mu.mean().detach()
    prior_variance = ((mu - prior_mean) ** 2 + log_sigma.exp() ** 2).mean().detach()
    divergence = (
        prior_variance.log() / 2
        - log_sigma
        + ((mu - prior_mean) ** 2 + log_sigma.exp() ** 2) / (2 * prior_variance)
        - 0.5
    ).sum()
    (((weight - wanted) ** 2).sum() + divergence / n_samples).backward()
    torch.testing.assert_close(mean.grad, mu.grad)
    torch.testing.assert_close(noise.log_deviations[0].grad, log_sigma.grad)


def test_fixed_noise_leaves_gradients_and_weights_alone():
    weight = nn.Parameter(torch.ones(1000))
    noise = WeightNoise([weight], 0.1)
    means, drawn = noise.add([weight])
    assert float((weight - 1).detach().std()) == pytest.approx(0.1, rel=0.1)
    weight.grad = torch.full((1000,), 2.0)
    noise.take_away([weight], means, drawn, 10)
    assert (weight == 1).all() and (weight.grad == 2).all()
    assert not any(p.requires_grad for p in noise.parameters())


def test_window_weights_sum_gaussians():
    phi = window_weights(
        torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.5]), torch.tensor([1.0, 3.0]), 3
    )
    expected = [np.exp(-((1 - u) ** 2)) + 2 * np.exp(-0.5 * (3 - u) ** 2) for u in (1, 2, 3)]
    np.testing.assert_allclose(phi, expected, rtol=1e-6)


# The products


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_products_are_those_of_torch(fused, n, monkeypatch):
    if not fused:
        monkeypatch.setattr(_products, "_is_fused", lambda: False)
    generator = torch.Generator().manual_seed(0)
    x, weight, bias = (
        torch.randn(shape, generator=generator, requires_grad=True)
        for shape in ((n, 3, 5), (4, 5), (4,))
    )
    ours, theirs = _products.linear(x, weight, bias), F.linear(x, weight, bias)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    by = torch.randn(ours.shape, generator=generator)
    for a, b in zip(
        torch.autograd.grad(ours, (x, weight, bias), by),
        torch.autograd.grad(theirs, (x, weight, bias), by),
        strict=True,
    ):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 14, 16, 33])
def test_products_with_columns_are_those_of_numpy(fused, dtype, n, monkeypatch):
    if not fused:
        monkeypatch.setattr(_products, "_is_fused", lambda: False)
    rng = np.random.default_rng(0)
    weight, columns = (rng.normal(size=shape).astype(dtype) for shape in ((5, 7), (7, n)))
    product = _products.ColumnProduct(weight)(columns)
    assert product.dtype == dtype and product.flags.c_contiguous
    np.testing.assert_allclose(product, weight @ columns, rtol=1e-5, atol=1e-5)


def test_the_fused_product_is_there():
    """Else float32 is slower than it could be: look at what became of it in torch."""
    assert _products._is_fused() or not torch.backends.mkldnn.is_available()
