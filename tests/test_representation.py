import math
import pickle

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import hwsk
from hwsk._training.schedules import OneCycle
from hwsk.callbacks import Checkpoint
from hwsk.datasets import make_handwriting
from hwsk.networks.vae import NegativeELBO, VAENetwork, divergence, log_likelihood
from hwsk.plotting import LatentTraversalDisplay, ReconstructionDisplay
from hwsk.preprocessing import Grayscale, StrokeRasterizer
from hwsk.representation import VariationalAutoencoder

SMALL = {"channels": (8, 8, 16, 16), "batch_size": 32, "lr": 5e-3, "random_state": 0}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def digits():
    """Dark ink on light paper, as elsewhere; a few hundred to learn from."""
    return (1 - load_digits().images / 16).astype(np.float32)


@pytest.fixture(scope="module")
def vae(digits):
    vae = VariationalAutoencoder(latent_dim=8, max_epochs=15, **SMALL)
    return vae.fit(digits[:600])


def tiny(**parameters):
    return VariationalAutoencoder(
        **{"latent_dim": 2, "channels": (2, 2, 2, 2), "max_epochs": 1, "random_state": 0}
        | parameters
    )


def error(images, again):
    return float(((images - again) ** 2).mean())


# The network


@given(
    shape=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    latent_dim=st.integers(1, 5),
    n=st.integers(1, 3),
)
@settings(max_examples=15)
def test_any_size_comes_back(shape, latent_dim, n):
    network = VAENetwork(shape, latent_dim, (2, 3, 2, 1))
    images = torch.rand(n, 1, *shape)
    for mode in (True, False):  # a batch of one image in training, too
        logits, mean, log_variance, variance = network.train(mode)(images)
        assert logits.shape == images.shape
        assert mean.shape == log_variance.shape == (n, latent_dim)
        assert variance.shape == ()
        assert all(part.isfinite().all() for part in (logits, mean, log_variance, variance))


def test_training_samples_and_prediction_does_not():
    network = VAENetwork((16, 16), 2, (2, 2, 2, 2))
    images = torch.rand(4, 1, 16, 16)
    assert not torch.equal(network(images)[0], network(images)[0])
    network.eval()
    logits, mean, _, _ = network(images)
    torch.testing.assert_close(logits, network.decode(mean))


def test_the_running_variance_starts_with_the_first_batch():
    network = VAENetwork((16, 16), 2, (2, 2, 2, 2))
    images = torch.rand(4, 1, 16, 16)
    batch = network(images)[3]
    torch.testing.assert_close(network.residual_variance, batch)
    after = [float(network(images)[3]) for _ in range(30)]
    assert min(after) < float(network.eval()(images)[3]) < max(after)


def test_divergence_is_that_of_torch():
    mean, log_variance = torch.randn(5, 3), torch.randn(5, 3)
    posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0))
    torch.testing.assert_close(divergence(mean, log_variance), expected.sum(dim=1))


def test_likelihoods_are_those_of_torch():
    logits, images, variance = torch.randn(5, 1, 4, 3), torch.rand(5, 1, 4, 3), torch.tensor(0.04)
    normal = torch.distributions.Normal(logits.sigmoid(), variance.sqrt())
    expected = normal.log_prob(images).sum(dim=(1, 2, 3))
    torch.testing.assert_close(log_likelihood(logits, images, "gaussian", variance), expected)
    black = images.round()
    expected = torch.distributions.Bernoulli(logits=logits).log_prob(black).sum(dim=(1, 2, 3))
    torch.testing.assert_close(log_likelihood(logits, black, "bernoulli", variance), expected)


def test_the_gaussian_loss_has_the_gradient_of_the_log_error():
    logits = torch.randn(3, 1, 4, 4, requires_grad=True)
    images, zeros = torch.rand(3, 1, 4, 4), torch.zeros(3, 2)
    squares = ((logits.sigmoid() - images) ** 2).mean()
    loss = NegativeELBO("gaussian")((logits, zeros, zeros, squares.detach()), images)
    (found,) = torch.autograd.grad(loss, logits)
    (expected,) = torch.autograd.grad(squares.log() / 2, logits)
    torch.testing.assert_close(found, expected)
    expected = 0.5 * math.log(2 * math.pi * math.e * squares.item())
    assert loss.item() == pytest.approx(expected)


def test_beta_and_warmth_weigh_the_divergence():
    logits, images = torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 4, 4)
    output = (logits, torch.ones(2, 3), torch.zeros(2, 3), torch.tensor(1.0))
    criterion = NegativeELBO("bernoulli", beta=2.0)
    assert float(criterion(output, images)) == pytest.approx(math.log(2) + 2 * 1.5 / 16)
    criterion.warmth = 0.5
    assert float(criterion(output, images)) == pytest.approx(math.log(2) + 1.5 / 16)


# What it learns


def test_it_draws_digits_it_never_saw(vae, digits):
    train, test = digits[:600], digits[600:900]
    again = vae.reconstruct(test)
    assert again.shape == test.shape and again.dtype == np.float32
    assert again.min() >= 0 and again.max() <= 1
    assert error(test, again) < 0.45 * error(test, train.mean(axis=0))
    np.testing.assert_allclose(again, vae.inverse_transform(vae.transform(test)))


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_score_is_higher_for_what_is_like_the_training(likelihood, digits):
    vae = VariationalAutoencoder(8, likelihood=likelihood, max_epochs=10, **SMALL)
    vae.fit(digits[:400])
    of_digits, of_noise = digits[400:500], np.random.default_rng(0).uniform(0.2, 1, (100, 8, 8))
    scores = vae.score_samples(of_digits)
    assert scores.shape == (100,)
    assert vae.score(of_digits) == pytest.approx(scores.mean())
    assert (scores > vae.score_samples(of_noise).max()).mean() > 0.95
    np.testing.assert_array_equal(scores, vae.score_samples(of_digits))


def test_the_score_is_a_lower_bound_of_the_likelihood_that_importance_sampling_finds(vae, digits):
    images = torch.from_numpy(1 - digits[600:605])[:, None]
    network = vae.net_.module_.eval()
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        _, mean, log_variance, variance = network(images)
        prior = torch.distributions.Normal(0.0, 1.0)
        posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
        weights = []
        for _ in range(200):
            noise = torch.randn(mean.shape, generator=generator)
            Z = mean + noise * posterior.scale
            likelihood = log_likelihood(network.decode(Z), images, "gaussian", variance)
            weights.append(likelihood + (prior.log_prob(Z) - posterior.log_prob(Z)).sum(dim=1))
    weights = torch.stack(weights).double()
    elbo = vae.score_samples(digits[600:605])
    np.testing.assert_allclose(elbo, weights.mean(dim=0), atol=4)
    assert (elbo < (weights.logsumexp(dim=0) - math.log(200)).numpy()).all()


def test_samples_are_like_the_images(vae, digits):
    images = vae.sample(100, random_state=0)
    assert images.shape == (100, 8, 8)
    np.testing.assert_array_equal(images, vae.sample(100, random_state=0))
    assert not np.array_equal(images[:1], vae.sample(random_state=1))
    assert error(images.mean(axis=0), digits.mean(axis=0)) < 0.02
    nearest = ((images[:, None] - digits[None, :600]) ** 2).mean(axis=(2, 3)).min(axis=1)
    noise = np.random.default_rng(0).random((100, 1, 8, 8))
    far = ((noise - digits[None, :600]) ** 2).mean(axis=(2, 3)).min(axis=1)
    assert np.median(nearest) < far.min() / 2


def test_a_greater_beta_leaves_fewer_units_active(digits):
    def units(beta):
        vae = VariationalAutoencoder(8, beta=beta, kl_warmup=0, max_epochs=12, **SMALL)
        return vae.fit(digits[:300]).history_[-1]["active_units"]

    assert units(100.0) < units(0.01) == 8
    assert isinstance(units(1.0), int)


def test_kl_warmup_raises_the_weight_epoch_by_epoch(digits):
    seen = []

    class Watch(OneCycle):
        def on_batch_begin(self, net, training=False, **kwargs):
            seen.append(net.criterion_.warmth)

    for kl_warmup in (3, 0.75):
        seen.clear()
        watch = [Watch(4)]
        vae = tiny(max_epochs=4, batch_size=100, kl_warmup=kl_warmup, callbacks=watch)
        vae.fit(digits[:10])
        assert seen == [0.25, 0.5, 0.75, 1.0]
    vae.set_params(warm_start=True).fit(digits[:10])
    assert seen[4:] == [1.0] * 4  # it is warm


def test_early_stopping_keeps_the_best_epoch(digits):
    vae = tiny(max_epochs=3, early_stopping=True).fit(digits[:60], groups=np.arange(60) % 6)
    assert [*vae.history_[0]] == [
        "epoch", "train_loss", "valid_loss", "valid_score", "active_units", "dur"
    ]  # fmt: skip
    last = vae.history_[-1]
    divergence_of_a_pixel = abs(last["valid_score"] / 64 + last["valid_loss"])
    assert divergence_of_a_pixel < 1e-4  # beta is 1: the loss is the score, turned round


def test_a_fit_goes_on_from_its_checkpoint(tmp_path, digits):
    X, settings = digits[:50], {"max_epochs": 4, "kl_warmup": 2, "ema_decay": 0.9}
    whole = tiny(**settings).fit(X)

    class Stop(OneCycle):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 2:
                raise KeyboardInterrupt

    checkpoint = Checkpoint(tmp_path / "vae.ckpt")
    tiny(**settings, callbacks=[checkpoint, Stop(4)]).fit(X)
    resumed = tiny(**settings, callbacks=[checkpoint]).fit(X)
    assert resumed.n_iter_ == 4
    np.testing.assert_array_equal(whole.transform(X), resumed.transform(X))


def test_augmented_images_are_the_target(digits):
    def blank(image, rng):
        return np.ones_like(image)

    vae = VariationalAutoencoder(2, augment=blank, max_epochs=30, **SMALL).fit(digits[:100])
    assert vae.reconstruct(digits[:5]).min() > 0.9


# What goes in, what comes out


def test_rows_come_back_on_their_own_scale():
    X = load_digits().data[:300]  # 0 to 16, light ink
    vae = VariationalAutoencoder(8, max_epochs=10, **SMALL | {"batch_size": 16}).fit(X)
    again = vae.reconstruct(X)
    assert again.shape == X.shape
    assert 10 < again.max() <= 16 and 0 <= again.min() < 1
    assert error(X, again) < 0.7 * error(X, X.mean(axis=0))
    assert vae.sample(3, random_state=0).shape == (3, 64)


def test_images_of_other_sizes_are_fitted_to_the_canvas():
    words = make_handwriting(6, height=24, random_state=0)
    vae = tiny(image_size=(20, 40)).fit(words.images)
    assert vae.reconstruct(words.images).shape == (6, 20, 40)
    with pytest.raises(ValueError, match="give image_size"):
        tiny().fit(words.images)


def test_strokes_are_rendered_first():
    words = make_handwriting(6, random_state=0)
    pipe = make_pipeline(StrokeRasterizer(height=32), tiny(image_size=(32, 96)))
    assert pipe.fit_transform(words.strokes).shape == (6, 2)


def test_bytes_and_floats_are_the_same(digits):
    images = np.rint(255 * digits[:20]).astype(np.uint8)
    vae = tiny(precision="float32").fit(images)
    np.testing.assert_allclose(
        vae.transform(images), vae.transform(images / np.float32(255)), atol=1e-5
    )


def test_columns_have_names(digits):
    vae = tiny().fit(digits[:10]).set_output(transform="pandas")
    Z = vae.transform(digits[:10])
    assert isinstance(Z, pd.DataFrame)
    assert [*Z.columns] == ["variationalautoencoder0", "variationalautoencoder1"]


def test_it_saves_and_pickles(tmp_path, vae, digits):
    hwsk.save(vae, tmp_path / "vae.hwsk")
    joblib.dump(vae, tmp_path / "vae.joblib")
    copies = [
        hwsk.load(tmp_path / "vae.hwsk"),
        joblib.load(tmp_path / "vae.joblib"),
        pickle.loads(pickle.dumps(vae)),
    ]
    for copy in copies:
        np.testing.assert_array_equal(copy.transform(digits[:5]), vae.transform(digits[:5]))
        assert copy.score(digits[:5]) == vae.score(digits[:5])


def test_grid_search_over_latent_dim():
    X, y = load_digits(return_X_y=True)
    X, y = 1 - X[:150] / 16, y[:150] > 4
    vae = VariationalAutoencoder(max_epochs=4, **SMALL)
    pipe = make_pipeline(vae, StandardScaler(), LogisticRegression())
    search = GridSearchCV(pipe, {"variationalautoencoder__latent_dim": [1, 8]}, cv=2)
    assert search.fit(X, y).best_params_ == {"variationalautoencoder__latent_dim": 8}


def test_the_seed_decides_all_and_leaves_the_global_state(digits):
    state, legacy = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    first, second = (tiny(random_state=3).fit(digits[:40]) for _ in range(2))
    first.sample(2)
    np.testing.assert_array_equal(first.transform(digits[:5]), second.transform(digits[:5]))
    assert torch.equal(state, torch.get_rng_state())
    np.testing.assert_array_equal(legacy[1], np.random.get_state()[1])  # noqa: NPY002


# What it refuses


def test_before_fit():
    for method in ("transform", "inverse_transform", "reconstruct", "score", "score_samples"):
        with pytest.raises(NotFittedError):
            getattr(tiny(), method)(np.zeros((2, 8, 8)))
    with pytest.raises(NotFittedError):
        tiny().sample()


def test_wrong_vectors(vae):
    with pytest.raises(ValueError, match=r"Z has 3 columns, and vectors .* are 8 long"):
        vae.inverse_transform(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="Z contains NaN"):
        vae.inverse_transform(np.full((2, 8), np.nan))
    with pytest.raises(ValueError, match="2D array"):
        vae.inverse_transform(np.zeros(8))
    with pytest.raises(ValueError, match="n_samples"):
        vae.sample(0)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"channels": (8, 8, 8)}, "the four stages need four whole numbers"),
        ({"channels": (8, 8, 8, 0.5)}, "the four stages need four whole numbers"),
        ({"kl_warmup": 1.5}, "kl_warmup"),
        ({"kl_warmup": -1}, "kl_warmup"),
        ({"beta": -1}, "beta"),
        ({"latent_dim": 0}, "latent_dim"),
        ({"likelihood": "poisson"}, "likelihood"),
        ({"image_size": (8, 0)}, "it is a height and a width"),
    ],
)
def test_wrong_parameters(parameters, message, digits):
    with pytest.raises(ValueError, match=message):
        tiny(**parameters).fit(digits[:4])


def test_groups_of_another_length(digits):
    with pytest.raises(ValueError, match="inconsistent numbers"):
        tiny().fit(digits[:4], groups=[1, 2])


def test_a_failed_fit_leaves_the_former_one(digits):
    vae = tiny().fit(digits[:20])
    before = vae.transform(digits[:3])
    with pytest.raises(ValueError, match="give image_size"):
        vae.fit([digits[0], np.ones((4, 4))])
    np.testing.assert_array_equal(vae.transform(digits[:3]), before)


def test_nothing_to_learn_is_said(digits):
    with pytest.warns(UserWarning, match="all 3 images are the same") as caught:
        tiny().fit(digits[[0, 0, 0]])
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="latent_dim=65 is more than the 64 pixels") as caught:
        tiny(latent_dim=65).fit(digits[:5])
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="1 of 5 images has no ink, rows 2") as caught:
        vae = tiny().fit(np.concatenate([digits[:2], np.ones((1, 8, 8)), digits[2:4]]))
    assert caught[0].filename == __file__
    for method in (vae.transform, vae.reconstruct, vae.score_samples, vae.score):
        with pytest.warns(UserWarning, match="1 of 2 images has no ink, rows 1") as caught:
            method(np.stack([digits[0], np.ones((8, 8))]))
        assert caught[0].filename == __file__, method


# The displays


def test_reconstructions_stand_below_images(vae, digits):
    display = ReconstructionDisplay.from_estimator(vae, digits[600:], rows=[5, 2])
    shown = digits[[605, 602]]
    again = vae.reconstruct(shown)
    expected = ((shown - again) ** 2).mean(axis=(1, 2))
    np.testing.assert_allclose(display.errors_, expected, rtol=1e-5)
    drawn = [image.get_array() for image in display.ax_.images]
    np.testing.assert_allclose(drawn[0], shown[0])
    np.testing.assert_allclose(drawn[1], again[0])
    np.testing.assert_allclose(drawn[2], again[0] - shown[0], atol=1e-6)
    texts = [text.get_text() for text in display.ax_.texts]
    assert texts == [*(f"{value:.3f}" for value in expected), "image", "again", "difference"]


def test_reconstructions_of_rows_by_any_transformer():
    X = load_digits().data
    _, ax = plt.subplots()
    display = ReconstructionDisplay.from_estimator(PCA(64).fit(X), X, rows=3, ax=ax)
    assert display.ax_ is ax and display.figure_ is ax.figure
    assert display.errors_.max() < 1e-6
    assert ax.images[0].get_array().shape == (8, 8)
    assert ax.images[0].get_clim() == (0, 16)


def test_images_of_another_size_are_shown_as_the_network_sees_them():
    words = make_handwriting(4, height=24, random_state=0)
    pipe = make_pipeline(Grayscale(), tiny(image_size=(20, 40))).fit(words.images)
    display = ReconstructionDisplay.from_estimator(pipe, words.images, rows=2)
    assert {image.get_array().shape for image in display.ax_.images} == {(20, 40)}
    np.testing.assert_allclose(
        display.ax_.images[0].get_array(), pipe[-1]._canvases(words.images).images[0] / 255
    )


def test_reconstructions_in_another_number(digits):
    with pytest.raises(ValueError, match="there are 5 images, and 4 reconstructions"):
        ReconstructionDisplay.from_predictions(digits[:5], digits[:4])


@pytest.mark.parametrize("rows", [[], [[1]], ["a"], [0.5], "ab"])
def test_wrong_rows(rows, digits):
    with pytest.raises(ValueError, match="it is a number of images, or which of them"):
        ReconstructionDisplay.from_predictions(digits[:5], digits[:5], rows=rows)


def test_rows_that_are_not_there(digits):
    with pytest.raises(ValueError, match="rows has 7, -1, and there are 5 images"):
        ReconstructionDisplay.from_predictions(digits[:5], digits[:5], rows=[7, 0, -1])


def test_a_traversal_varies_one_number(vae, digits):
    X = digits[600:700]
    display = LatentTraversalDisplay.from_estimator(vae, X, start=4, dims=[6, 1], n_steps=3)
    Z = vae.transform(X)
    np.testing.assert_allclose(
        display.values[:, 0], np.percentile(Z[:, [6, 1]], 2.5, axis=0), rtol=1e-6
    )
    np.testing.assert_allclose(
        display.values[:, 2], np.percentile(Z[:, [6, 1]], 97.5, axis=0), rtol=1e-6
    )
    vector = Z[4].copy()
    vector[1] = display.values[1, 1]
    np.testing.assert_allclose(display.images[1, 1], vae.inverse_transform([vector])[0], atol=1e-2)
    assert len(display.ax_.images) == 6
    assert display.ax_.texts[0].get_text().startswith("6: ")


def test_a_traversal_takes_the_most_active_dimensions():
    X = load_digits().data
    display = LatentTraversalDisplay.from_estimator(PCA(5).fit(X), X, dims=2)
    assert [*display.dims] == [0, 1]
    assert display.images.shape == (2, 7, 8, 8)
    assert display.images.min() >= 0 and display.images.max() <= 16


def test_wrong_traversals(vae, digits):
    for wrong, message in [
        ({"dims": [8]}, "dims has 8, and there are 8 dimensions"),
        ({"n_steps": 1}, "n_steps"),
        ({"start": 20}, "start"),
    ]:
        with pytest.raises(ValueError, match=message):
            LatentTraversalDisplay.from_estimator(vae, digits[:20], **wrong)
    with pytest.raises(ValueError, match=r"expected \(n_dims, n_steps, height, width\)"):
        LatentTraversalDisplay(digits[:4], [0], [[0, 1]]).plot()
