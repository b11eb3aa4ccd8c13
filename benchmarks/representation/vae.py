"""Train the autoencoders of the AND words, `models/and-vae.hwsk` among them, and judge them.

    python -m benchmarks.representation.vae train --latent-dim 32 --out runs/and-vae
    python -m benchmarks.representation.vae judge runs/and-vae/vae32-0.hwsk

Training stops and goes on: run it again with the same --out and it continues from the last epoch.
"""

from __future__ import annotations

import warnings
from datetime import date
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import hwsk
from benchmarks.shared.words import SPLIT_SEED, load_split
from hwsk.callbacks import Checkpoint
from hwsk.metrics import bootstrap_interval
from hwsk.preprocessing.augmentation import (
    Compose,
    ElasticDistortion,
    RandomAffine,
    RandomMorphology,
)
from hwsk.representation import VariationalAutoencoder

ACTIVE = 0.01  # variance of the mean vector's component, from which on it is in use (Burda et al.)
SHARPENING = 0.8  # times the difference of image and blurred image


class Augmentation:
    """Changes after which a word is still one that somebody might have written.

    Interpolation blurs the thin strokes of these images: the variance of pixels falls by a quarter,
    and a network that learnt from such images draws real ones too pale. So what was warped is
    sharpened by as much.
    """

    def __init__(self) -> None:
        scale = (1 / 1.12, 1.12)
        affine = RandomAffine(
            rotation=3, shear=0.1, scale_x=scale, scale_y=scale, shift=0.03, keep_size=True
        )
        self.warp = Compose([affine, ElasticDistortion(alpha=0.8, sigma=12.0)], p=[0.8, 0.5])
        self.pen = Compose([RandomMorphology(thicker=0.4, thinner=0.4)], p=0.3)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        warped = self.warp(self.pen(image, rng), rng)
        if warped is image:
            return image
        blurred = cv2.GaussianBlur(warped, (0, 0), 1.0)
        return cv2.addWeighted(warped, 1 + SHARPENING, blurred, -SHARPENING, 0)


@click.group()
def main() -> None:
    """Train and judge autoencoders of the AND words."""


@main.command()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", default="runs/and-vae", type=click.Path(path_type=Path))
@click.option("--latent-dim", default=32)
@click.option("--beta", default=1.0)
@click.option("--likelihood", default="gaussian", type=click.Choice(["gaussian", "bernoulli"]))
@click.option("--epochs", default=40)
@click.option("--finish", default=5, help="Epochs at the end on images as they are.")
@click.option("--seed", default=0)
def train(data, out, latent_dim, beta, likelihood, epochs, finish, seed) -> None:
    """Train one autoencoder, and judge it."""
    out.mkdir(parents=True, exist_ok=True)
    words, train, valid, _ = load_split(data)
    name = f"vae{latent_dim}-{seed}"
    print(
        f"{date.today()} torch {torch.__version__}, {torch.get_num_threads()} threads; {name}: "
        f"{len(train)} words by {len(set(words.writer[train]))} writers to train, beta {beta}, "
        f"{likelihood}, {epochs} + {finish} epochs; split seed {SPLIT_SEED}, seed {seed}",
        flush=True,
    )
    vae = VariationalAutoencoder(
        latent_dim,
        beta=beta,
        likelihood=likelihood,
        max_epochs=epochs,
        lr=2e-3,
        ema_decay=0.999,
        augment=Augmentation(),
        callbacks=[Checkpoint(out / f"{name}.ckpt")],
        random_state=seed,
        verbose=2,
    )
    vae.fit(words.images[train])
    history = vae.history_
    if finish:
        again = vae.reconstruct(words.images[valid])
        error = ((again - words.images[valid] / 255) ** 2).mean()
        print(f"{name}: before the finish, validation MSE {error:.4f}", flush=True)
        vae.set_params(
            max_epochs=finish,
            lr=5e-4,
            augment=None,
            warm_start=True,
            callbacks=[Checkpoint(out / f"{name}-finish.ckpt")],
        )
        history = history + vae.fit(words.images[train]).history_
    vae.set_params(callbacks=None, verbose=0, warm_start=False)
    hwsk.save(vae, out / f"{name}.hwsk")
    n_weights = sum(weight.numel() for weight in vae.net_.module_.parameters())
    seconds = np.median([epoch["dur"] for epoch in history])
    print(f"{name}: {n_weights} weights, {len(history)} epochs of {seconds:.0f} s", flush=True)
    report(hwsk.load(out / f"{name}.hwsk"), data)


@main.command()
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
def judge(model, data) -> None:
    """Judge the MODEL that `train` wrote."""
    report(hwsk.load(model), data)


def report(vae, data) -> None:
    """Print reconstruction errors and how well features are predicted, beside those of PCA."""
    words, train, valid, test = load_split(data)
    pixels = (words.images / np.float32(255)).reshape(len(words.images), -1)
    n = vae.latent_dim
    mean = pixels[train].mean(axis=0)
    pca = PCA(n, random_state=0).fit(pixels[train])
    vectors = {f"VAE-{n}": vae.transform(words.images), f"PCA-{n}": pca.transform(pixels)}
    for part, rows in (("validation", valid), ("test", test)):
        again = {
            f"VAE-{n}": vae.inverse_transform(vectors[f"VAE-{n}"][rows]).reshape(len(rows), -1),
            f"PCA-{n}": pca.inverse_transform(vectors[f"PCA-{n}"][rows]),
            "mean image": np.broadcast_to(mean, pixels[rows].shape),
        }
        writers = words.writer[rows]
        print(f"{part}: {len(rows)} words by {len(set(writers))} writers", flush=True)
        for name, images in again.items():
            errors = ((images - pixels[rows]) ** 2).mean(axis=1)
            similar = [ssim(a, b) for a, b in zip(images, pixels[rows], strict=True)]
            low, high = bootstrap_interval(
                lambda errors, _: float(np.mean(errors)),
                errors,
                errors,
                groups=writers,
                random_state=0,
            )
            print(
                f"{part}, {name}: MSE {errors.mean():.4f} [{low:.4f}, {high:.4f}], "
                f"SSIM {np.mean(similar):.3f}",
                flush=True,
            )
        active = int((vectors[f"VAE-{n}"][rows].var(axis=0) > ACTIVE).sum())
        print(
            f"{part}, VAE-{n}: {active} of {n} units active, lower bound "
            f"{vae.score(words.images[rows]):.0f} nats a word",
            flush=True,
        )
    for name, Z in vectors.items():
        probe(name, Z, words.features, train, test)


def ssim(a, b, side: int = 64) -> float:
    """Structural similarity of two images with values from 0 to 1.

    Z. Wang et al., "Image quality assessment: from error visibility to structural similarity",
    IEEE Transactions on Image Processing 13(4), 2004: Gaussian window of 11 pixels, deviation 1.5.
    """
    a, b = (np.asarray(image, np.float64).reshape(side, side) for image in (a, b))

    def smooth(image):
        return cv2.GaussianBlur(image, (11, 11), 1.5)[5:-5, 5:-5]  # windows within the image

    mean_a, mean_b = smooth(a), smooth(b)
    var_a, var_b = smooth(a * a) - mean_a**2, smooth(b * b) - mean_b**2
    covariance = smooth(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    ratio = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float((ratio / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))).mean())


def probe(name, Z, features, train, test) -> None:
    """Print how well logistic regression tells the 15 features from the vectors."""
    accuracies, balanced = [], []
    for feature in features:
        known = features[feature].notna().to_numpy()
        y = features[feature].astype(str).to_numpy()
        fit_on, judge_on = train[known[train]], test[known[test]]
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            model.fit(Z[fit_on], y[fit_on])
        predicted = model.predict(Z[judge_on])
        accuracies.append(accuracy_score(y[judge_on], predicted))
        balanced.append(balanced_accuracy_score(y[judge_on], predicted))
    print(
        f"test, {name}: the {len(accuracies)} features by logistic regression: accuracy "
        f"{np.mean(accuracies):.3f}, balanced {np.mean(balanced):.3f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
