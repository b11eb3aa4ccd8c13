"""Judge pairs of the AND words, and their 15 features, without a network.

    python -m benchmarks.pairs.words_table --data ../shared/data

Prints the equal error rate of all pairs of test words, and the mean (balanced) accuracy over the
features, on writers that are not in training, with 95% bootstrap intervals over these writers.
"""

from __future__ import annotations

from datetime import date

import click
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.pairs.hog import hog
from benchmarks.shared.words import SPLIT_SEED, load_split, print_features, print_pairs


@click.command()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
def main(data: str) -> None:
    """Print the baselines."""
    words, train, _, test = load_split(data)
    print(
        f"{date.today()} AND words: {len(train)} of {len(set(words.writer[train]))} writers to "
        f"train, {len(test)} of {len(set(words.writer[test]))} to test, split seed {SPLIT_SEED}"
    )
    pixels = 1 - words.images.reshape(len(words.images), -1) / np.float32(255)
    gradients = hog(words.images)
    pca = PCA(128, random_state=0).fit(gradients[train])
    reduced = pca.transform(gradients)
    lda = LinearDiscriminantAnalysis(n_components=64).fit(reduced[train], words.writer[train])
    for name, X in (
        ("pixels, cosine", pixels),
        ("HOG, PCA, cosine", reduced),
        ("HOG, PCA, LDA, cosine", lda.transform(reduced)),
    ):
        print_pairs(name, X[test], words.writer[test], words.page[test])
    known = words.features.notna().all(axis=1).to_numpy()
    fitted, asked = train[known[train]], test[known[test]]
    y = words.features.iloc[asked].reset_index(drop=True)
    for name, model in (
        ("majority", DummyClassifier()),
        ("HOG, logistic regression", LogisticRegression(C=0.01, max_iter=300)),
    ):
        predicted = pd.DataFrame(
            {
                feature: make_pipeline(StandardScaler(), model)
                .fit(reduced[fitted], words.features[feature].iloc[fitted].astype(str))
                .predict(reduced[asked])
                for feature in words.features
            }
        )
        print_features(name, y, predicted, words.writer[asked])


if __name__ == "__main__":
    main()
