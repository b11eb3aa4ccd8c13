"""Define the jobs of `hwsk train` and `hwsk evaluate`: estimator, split, fit, scores."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import click
import numpy as np
from numpy.typing import NDArray

from hwsk._wording import some_of
from hwsk.cli._common import last_step
from hwsk.cli._layouts import Samples

N_RESAMPLES = 1000  # of the bootstrap
_MOST_PAIRS = 100_000


class Score(NamedTuple):
    """A score with its 95% bootstrap interval; a single sample has none."""

    name: str
    value: float
    low: float | None
    high: float | None

    @property
    def interval(self) -> str:
        """The ends of the interval, to be shown behind the value."""
        if self.low is None or self.high is None:
            return "(no interval: one sample)"
        return f"({self.low:.4g} to {self.high:.4g})"


@dataclass(frozen=True)
class Job:
    """What is learnt, from what, and how it is scored."""

    what: str
    kind: str
    """Class of the estimator."""
    layout: str
    """The layout by default."""
    needs: tuple[str, ...]
    """What samples must have beside X."""
    make: Callable[[str], Any]
    """Make the estimator for a layout."""
    fit: Callable[[Any, Samples], Any]
    score: Callable[[Any, Samples], list[Score]]
    of_strokes: bool = False
    """Whether samples are pen strokes; otherwise they are images."""

    def check(self, samples: Samples, layout: str) -> None:
        """Raise an error that says what the data lack."""
        if samples.are_strokes != self.of_strokes:
            found = "pen strokes" if samples.are_strokes else "images"
            expected = "pen strokes (.inkml, .svg or .json files)" if self.of_strokes else "images"
            raise ValueError(
                f"this job is for {expected}, and the data in layout {layout} are {found}"
            )
        for name in self.needs:
            if getattr(samples, name) is None:
                raise ValueError(
                    f"this job needs {name} for each sample, which the data in layout {layout} do "
                    "not have (for the layout `table`: a column of that name, without gaps)"
                )


def _interval(metric: Any, y_true: Any, y_pred: Any, samples: Samples, name: str) -> Score:
    from hwsk.metrics import bootstrap_interval

    value = float(metric(y_true, y_pred))
    if len(samples) < 2:  # the draws would all be alike, and their interval of no width
        return Score(name, value, None, None)
    groups = samples.writer if samples.writer is not None else samples.page
    if groups is not None and len(set(groups)) < 2:
        groups = None
    low, high = bootstrap_interval(
        metric, y_true, y_pred, groups=groups, n_resamples=N_RESAMPLES, random_state=0
    )
    return Score(name, value, low, high)


def _second_mean(_: Any, values: Any) -> float:
    return float(np.mean(values))


def _score_texts(model: Any, samples: Samples) -> list[Score]:
    from hwsk.metrics import character_error_rate, word_error_rate
    from hwsk.recognition._details import as_returned

    read, texts = model.predict(samples.X), as_returned(model, list(samples.text))
    return [
        _interval(character_error_rate, texts, read, samples, "character error rate"),
        _interval(word_error_rate, texts, read, samples, "word error rate"),
    ]


def _warn_of_unknown(model: Any, labels: Any, are: str) -> None:
    """Warn of labels that a classifier has not learnt, and can't give."""
    classes = set(last_step(model).classes_)
    unknown = [label for label in labels if label not in classes]
    if unknown:
        warnings.warn(
            f"{some_of(len(unknown), len(labels), 'samples', are)} that the model has not "
            f"learnt, such as {unknown[0]!r}: counted as wrong",
            stacklevel=1,
        )


def _score_classes(model: Any, samples: Samples) -> list[Score]:
    from sklearn.metrics import accuracy_score, f1_score

    _warn_of_unknown(model, samples.text, "have texts")
    found = model.predict(samples.X)
    macro = partial(f1_score, average="macro", zero_division=0)
    return [
        _interval(accuracy_score, list(samples.text), list(found), samples, "accuracy"),
        _interval(macro, list(samples.text), list(found), samples, "macro F1"),
    ]


def _score_writers(model: Any, samples: Samples) -> list[Score]:
    from sklearn.metrics import accuracy_score

    pages = Samples(samples.X, page=samples.page)  # the writers are the classes
    _warn_of_unknown(model, samples.writer, "are by writers")
    found = model.predict(samples.X)
    return [_interval(accuracy_score, list(samples.writer), list(found), pages, "accuracy")]


def _score_pairs(model: Any, samples: Samples) -> list[Score]:
    from sklearn.metrics import roc_auc_score

    from hwsk.metrics import equal_error_rate, pair_bootstrap_interval
    from hwsk.model_selection import make_pairs

    pairs, same = make_pairs(samples.writer, forged=samples.forged, random_state=0)
    if len(pairs) > _MOST_PAIRS:
        chosen = np.random.default_rng(0).permutation(len(pairs))[:_MOST_PAIRS]
        pairs, same = pairs[chosen], same[chosen]
    scores = model.decision_function(samples.X[pairs])
    writers = samples.writer[pairs]
    metrics: dict[str, Any] = {
        "equal error rate": equal_error_rate,
        "area under the ROC curve": roc_auc_score,
    }
    draws: dict[str, Any] = {"n_resamples": N_RESAMPLES, "random_state": 0}
    return [
        Score(
            name,
            float(metric(same, scores)),
            *pair_bootstrap_interval(metric, same, scores, writers, **draws),
        )
        for name, metric in metrics.items()
    ]


def _score_features(model: Any, samples: Samples) -> list[Score]:
    truth: NDArray[Any] = samples.features.to_numpy(object)
    found = np.asarray(model.predict(samples.X), object)
    known = np.array([[value == value and value is not None for value in row] for row in truth])
    rows = known.any(axis=1)
    described = zip(truth[rows], found[rows], known[rows], strict=True)
    right = [(true[named] == read[named]).mean() for true, read, named in described]
    tested = samples.take(np.flatnonzero(rows))
    return [_interval(_second_mean, right, right, tested, "accuracy, mean of features")]


def _score_samples(name: str) -> Callable[[Any, Samples], list[Score]]:
    def score(model: Any, samples: Samples) -> list[Score]:
        if name.startswith("log-likelihood given"):
            values = model.score_samples(samples.text, samples.X)
        else:
            values = model.score_samples(samples.X)
        return [_interval(_second_mean, values, values, samples, name)]

    return score


def _make_lines(layout: str) -> Any:
    from sklearn.pipeline import make_pipeline

    from hwsk.cli._preprocessing import make_steps
    from hwsk.preprocessing.augmentation import default_augmentation
    from hwsk.recognition import CTCRecognizer

    return make_pipeline(
        *make_steps("lines"), CTCRecognizer(height=40, augment=default_augmentation())
    )


def _make_ink(layout: str) -> Any:
    from hwsk.preprocessing.augmentation import RandomStrokeDistortion
    from hwsk.recognition import InkRecognizer

    return InkRecognizer(augment=RandomStrokeDistortion())


def _make_characters(layout: str) -> Any:
    from sklearn.pipeline import make_pipeline

    from hwsk.preprocessing import CharacterNormalizer
    from hwsk.preprocessing.augmentation import character_augmentation
    from hwsk.recognition import CharacterClassifier

    classifier = CharacterClassifier("cnn", augment=character_augmentation())
    if layout.partition(":")[0] in ("emnist", "mnist"):  # these are as the normalizer makes them
        return classifier
    return make_pipeline(CharacterNormalizer(), classifier)


def _make_siamese(layout: str) -> Any:
    from hwsk.preprocessing import SignatureNormalizer
    from hwsk.verification import SiameseVerifier

    if layout.partition(":")[0] in ("cedar", "bhsig260"):
        cleaner = SignatureNormalizer((96, 192), pen_width=None, deskew=True)
        return SiameseVerifier(preprocessor=cleaner, image_size=(96, 192))
    return SiameseVerifier()


def _make_vae(layout: str) -> Any:
    from hwsk.representation import VariationalAutoencoder

    return VariationalAutoencoder(image_size=(64, 64))


def _make_multitask(layout: str) -> Any:
    from hwsk.verification import MultiTaskClassifier

    return MultiTaskClassifier()


def _make_writers(layout: str) -> Any:
    from hwsk.identification import WriterClassifier
    from hwsk.preprocessing.augmentation import writer_augmentation

    return WriterClassifier(class_weight="balanced", augment=writer_augmentation())


def _make_strokes(layout: str) -> Any:
    from hwsk.synthesis import StrokePredictor

    return StrokePredictor(ema_decay=0.998)


def _make_synthesizer(layout: str) -> Any:
    from hwsk.synthesis import HandwritingSynthesizer

    return HandwritingSynthesizer(ema_decay=0.998)


def _groups(model: Any, samples: Samples) -> dict[str, Any]:
    """Return the writers as `groups` of `fit`: early stopping keeps a writer on one side."""
    step = f"{model.steps[-1][0]}__" if hasattr(model, "steps") else ""
    return {} if samples.writer is None else {f"{step}groups": samples.writer}


def _fit_samples(model: Any, samples: Samples) -> Any:
    return model.fit(samples.X, **_groups(model, samples))


def _fit_texts(model: Any, samples: Samples) -> Any:
    return model.fit(samples.X, samples.text, **_groups(model, samples))


def _fit_writing(model: Any, samples: Samples) -> Any:
    return model.fit(samples.text, samples.X, **_groups(model, samples))


def _fit_pairs(model: Any, samples: Samples) -> Any:
    y = samples.hand if samples.hand is not None else samples.writer
    return model.fit(samples.X, y, **_groups(model, samples))


def _fit_features(model: Any, samples: Samples) -> Any:
    groups = _groups(model, samples)
    return model.fit(samples.X, samples.features, writers=samples.writer, **groups)


def _fit_writers(model: Any, samples: Samples) -> Any:
    return model.fit(samples.X, samples.writer, pages=samples.page)


JOBS = {
    "vae": Job(
        "latent representation of images",
        "VariationalAutoencoder", "table", (), _make_vae, _fit_samples,
        _score_samples("evidence lower bound of an image, nats"),
    ),
    "siamese": Job(
        "same writer or different writers",
        "SiameseVerifier", "table", ("writer",), _make_siamese, _fit_pairs, _score_pairs,
    ),
    "multitask": Job(
        "named features of handwriting",
        "MultiTaskClassifier", "table", ("features",), _make_multitask, _fit_features,
        _score_features,
    ),
    "writers": Job(
        "who wrote a line",
        "WriterClassifier", "table", ("writer",), _make_writers, _fit_writers, _score_writers,
    ),
    "characters": Job(
        "text of single characters",
        "CharacterClassifier", "lines", ("text",), _make_characters, _fit_texts,
        _score_classes,
    ),
    "lines": Job(
        "text of lines or words",
        "CTCRecognizer", "lines", ("text",), _make_lines, _fit_texts,
        _score_texts,
    ),
    "ink": Job(
        "text of pen strokes",
        "InkRecognizer", "table", ("text",), _make_ink, _fit_texts,
        _score_texts, of_strokes=True,
    ),
    "strokes": Job(
        "how pen strokes go on",
        "StrokePredictor", "table", (), _make_strokes, _fit_samples,
        _score_samples("log-likelihood of a line, nats"), of_strokes=True,
    ),
    "synthesizer": Job(
        "text written as pen strokes",
        "HandwritingSynthesizer", "table", ("text",), _make_synthesizer,
        _fit_writing,
        _score_samples("log-likelihood given the text of a line, nats"), of_strokes=True,
    ),
}  # fmt: skip
"""By name."""

job_argument = click.argument("job", type=click.Choice(list(JOBS)), metavar="JOB")
