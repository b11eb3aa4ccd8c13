"""`TrainingHistoryDisplay`: loss and score by epoch."""

import matplotlib.pyplot as plt
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from hwsk.datasets import make_handwriting
from hwsk.plotting import TrainingHistoryDisplay
from hwsk.preprocessing import CharacterNormalizer
from hwsk.recognition import CharacterClassifier


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def classifier(**params):
    return CharacterClassifier(
        hidden_units=8, num_layers=1, max_epochs=3, batch_size=8, random_state=0, **params
    )


def test_curves_are_the_history():
    made = make_handwriting(40, texts=["a", "b"], n_writers=10, random_state=0)
    model = make_pipeline(CharacterNormalizer(), classifier(early_stopping=True))
    model.fit(made.images, made.text)
    display = TrainingHistoryDisplay.from_estimator(model)
    history = model[-1].history_
    drawn = [line.get_ydata().tolist() for line in display.lines_]
    keys = ["train_loss", "valid_loss", "valid_score"]
    assert drawn == [[record[key] for record in history] for key in keys]
    assert display.lines_[0].get_xdata().tolist() == [1, 2, 3][: len(history)]
    labels = [[text.get_text() for text in ax.get_legend().get_texts()] for ax in display.axes_]
    assert labels == [["training", "validation"], ["validation"]]


def test_without_validation_there_is_one_panel():
    made = make_handwriting(20, texts=["a", "b"], n_writers=10, random_state=0)
    images = CharacterNormalizer().fit_transform(made.images)
    display = TrainingHistoryDisplay.from_estimator(classifier().fit(images, made.text))
    assert [ax.get_ylabel() for ax in display.axes_] == ["loss"]
    assert len(display.figure_.axes) == 1


def test_draws_into_given_axes():
    _, axes = plt.subplots(1, 2)
    records = [{"epoch": 1, "train_loss": 1.0, "valid_score": 0.5}]
    display = TrainingHistoryDisplay(records).plot(axes)
    assert display.axes_ == list(axes)


def test_no_history_is_an_error():
    with pytest.raises(NotFittedError):
        TrainingHistoryDisplay.from_estimator(classifier())
    with pytest.raises(ValueError, match="CharacterNormalizer has no history_"):
        TrainingHistoryDisplay.from_estimator(CharacterNormalizer().fit([[[0, 255], [255, 0]]]))
    with pytest.raises(ValueError, match="no number named like train_loss"):
        TrainingHistoryDisplay([{"epoch": 1}]).plot()
