"""Plot the evidence for a writer on a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import Image, check_images, paper_level, some_rows
from hwsk.plotting._matplotlib import NOTHING, import_pyplot

__all__ = ["PatchMapDisplay"]

_PLACE = ["top", "left", "height", "width", "ink"]  # columns of patches before the classes
_SATURATED = 0.95  # share of the patches within the scale; a few extremes would pale the others
# Colormaps that the colour-blind can read, and the part of each on which black ink stands out.
_SCALES = {"log_odds": ("RdBu", 0.15, 0.85), "log_proba": ("YlGnBu", 0.0, 0.6)}
_MOST_WIDE = 3  # width by height; of wider images the scale stands below
_FIGURE_WIDTH = 10  # inches
_SCALE = 0.8  # inches, for the scale


class PatchMapDisplay:
    """Plot the evidence for a writer on a page or line.

    The image with a colour for each patch that a classifier judged. By default it is the
    logarithm of the odds for a writer against the most likely other one: blue supports the
    writer, red the other, and the mean over all patches is what decides between the two.
    Where patches overlap, their mean is shown; what no patch covers stays white.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        The page or line, dark ink on light paper.
    patches : DataFrame
        A row for each patch, as `WriterClassifier.predict_patches` gives it: its place in pixels
        of the image (`top`, `left`, `height`, `width`), its `ink`, then a column for each class
        with its log-probability.
    writer : class, default=None
        Whom to look for; None takes the most likely one.
    against : class, default=None
        The other one of the odds; None takes the most likely one after `writer`.
    quantity : {"log_odds", "log_proba"}, default="log_odds"
        What is shown: the odds, or the log-probability of `writer` alone.

    Attributes
    ----------
    writer_ : class
        Who was looked for.
    against_ : class or None
        The other one; None for log-probabilities.
    values_ : Series of shape (n_patches,)
        What is shown, for each patch.
    map_ : ndarray of shape (height, width)
        What is shown, for each pixel; NaN where there is no patch.
    im_ : matplotlib.image.AxesImage
        The map as drawn.
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    RetrievalDisplay : The nearest images.

    Notes
    -----
    A classifier gives the mean of its patches' log-probabilities as the answer for a page, so the
    odds of a page are the mean of those of its patches, and a patch's colour is its share in the
    answer. It does not say which stroke in the patch was decisive.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from hwsk.plotting import PatchMapDisplay
    >>> line = np.full((20, 40), 255, np.uint8)
    >>> line[9:11, 2:38] = 0
    >>> patches = pd.DataFrame(
    ...     {
    ...         "top": 0,
    ...         "left": [0, 20],
    ...         "height": 20,
    ...         "width": 20,
    ...         "ink": 0.1,
    ...         "Ada": np.log([0.9, 0.4]),
    ...         "Bob": np.log([0.1, 0.6]),
    ...     }
    ... )
    >>> display = PatchMapDisplay.from_predictions(line, patches)
    >>> display.writer_, display.values_.round(2).tolist()
    ('Ada', [2.2, -0.41])
    """

    def __init__(
        self,
        image: Image,
        patches: pd.DataFrame,
        *,
        writer: Any = None,
        against: Any = None,
        quantity: str = "log_odds",
    ) -> None:
        self.image = image
        self.patches = patches
        self.writer = writer
        self.against = against
        self.quantity = quantity

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        image: Any,
        *,
        writer: Any = None,
        against: Any = None,
        quantity: str = "log_odds",
        ax: Any = None,
        colorbar: bool = True,
    ) -> PatchMapDisplay:
        """Judge the patches of an image and plot where the evidence lies.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier that has `predict_patches`, or a Pipeline that ends in one. Then
            the image is shown as the steps before have changed it.
        image : ndarray or path
            One page or line.
        writer : class, default=None
            Whom to look for; None takes the most likely one.
        against : class, default=None
            The other one of the odds; None takes the most likely one after `writer`.
        quantity : {"log_odds", "log_proba"}, default="log_odds"
            What is shown: the odds, or the log-probability of `writer` alone.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.
        colorbar : bool, default=True
            Whether the scale stands beside the image.

        Returns
        -------
        PatchMapDisplay
            The display, plotted.
        """
        check_is_fitted(estimator)
        images = [image]
        classifier = estimator
        if isinstance(estimator, Pipeline):
            classifier = estimator[-1]
            if len(estimator) > 1:
                images = estimator[:-1].transform(images)
        if not hasattr(classifier, "predict_patches"):
            raise TypeError(
                f"{type(classifier).__name__} has no predict_patches, so there is no place to "
                "point at; hwsk.identification.WriterClassifier has it"
            )
        seen = check_images(images)[0]
        return cls.from_predictions(
            seen,
            classifier.predict_patches(seen),
            writer=writer,
            against=against,
            quantity=quantity,
            ax=ax,
            colorbar=colorbar,
        )

    @classmethod
    def from_predictions(
        cls,
        image: Any,
        patches: pd.DataFrame,
        *,
        writer: Any = None,
        against: Any = None,
        quantity: str = "log_odds",
        ax: Any = None,
        colorbar: bool = True,
    ) -> PatchMapDisplay:
        """Plot patches that are judged already.

        Parameters
        ----------
        image : ndarray or path
            One page or line.
        patches : DataFrame
            What `predict_patches` gave for the image.
        writer : class, default=None
            Whom to look for; None takes the most likely one.
        against : class, default=None
            The other one of the odds; None takes the most likely one after `writer`.
        quantity : {"log_odds", "log_proba"}, default="log_odds"
            What is shown: the odds, or the log-probability of `writer` alone.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.
        colorbar : bool, default=True
            Whether the scale stands beside the image.

        Returns
        -------
        PatchMapDisplay
            The display, plotted.
        """
        seen = check_images([image])[0]
        display = cls(seen, patches, writer=writer, against=against, quantity=quantity)
        return display.plot(ax=ax, colorbar=colorbar)

    def plot(self, ax: Any = None, *, cmap: Any = None, colorbar: bool = True) -> PatchMapDisplay:
        """Draw the map below the ink.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.
        cmap : str or Colormap, default=None
            Colours; None takes red to blue for odds, and yellow to blue for probabilities.
        colorbar : bool, default=True
            Whether the scale stands beside the image.

        Returns
        -------
        self : PatchMapDisplay
            With `figure_`, `ax_`, `im_` and what is shown.
        """
        pyplot = import_pyplot()
        from matplotlib.colors import LinearSegmentedColormap, ListedColormap

        self._evaluate()
        height, width = self.image.shape
        below = width > _MOST_WIDE * height
        if ax is None:
            scale = _FIGURE_WIDTH / max(height, width)  # inches a pixel
            room = _SCALE if colorbar else 0.0
            size = (scale * width + room * (not below), scale * height + room * below + 0.1)
            _, ax = pyplot.subplots(figsize=size, layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        if self.quantity == "log_odds":
            most = float(self.values_.abs().quantile(_SATURATED)) or 1.0
            limits = {"vmin": -most, "vmax": most}
            label = f"log-odds for {self.writer_} against {self.against_}"
        else:
            limits = {"vmin": float(self.values_.quantile(1 - _SATURATED)), "vmax": 0.0}
            label = f"log-probability of {self.writer_}"
        if cmap is None:
            name, low, high = _SCALES[self.quantity]
            cmap = ListedColormap(pyplot.get_cmap(name)(np.linspace(low, high, 256)))
        whole = (0, width, height, 0)
        self.im_ = ax.imshow(self.map_, cmap=cmap, extent=whole, **limits)
        ink = LinearSegmentedColormap.from_list("ink", [(0, 0, 0, 1), (0, 0, 0, 0)])
        ax.imshow(self.image, cmap=ink, vmin=0, vmax=paper_level(self.image), extent=whole)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_color(NOTHING)
        if colorbar:
            bar = self.figure_.colorbar(
                self.im_,
                ax=ax,
                location="bottom" if below else "right",
                extend="both" if self.quantity == "log_odds" else "min",
                shrink=0.4 if below else 0.7,
                pad=0.02,
            )
            bar.set_label(label, parse_math=False)
        else:
            ax.set_title(label, fontsize=9, parse_math=False)
        return self

    def _evaluate(self) -> None:
        """Find out for whom and against whom, and the value of each patch and pixel."""
        if self.quantity not in _SCALES:
            raise ValueError(f"quantity is {self.quantity!r}; it is {' or '.join(_SCALES)}")
        columns = list(self.patches.columns)
        if columns[: len(_PLACE)] != _PLACE or len(columns) == len(_PLACE):
            raise ValueError(
                f"patches has the columns {some_rows(columns)}; expected {', '.join(_PLACE)}, then "
                "one for each class, as WriterClassifier.predict_patches gives them"
            )
        if not len(self.patches):
            raise ValueError("patches has no row: there is no ink to judge on this image")
        log_proba = self.patches.iloc[:, len(_PLACE) :]
        ranking = list(log_proba.mean().sort_values(ascending=False, kind="stable").index)
        self.writer_ = _known("writer", self.writer, ranking)
        values = log_proba[self.writer_]
        self.against_ = None
        if self.quantity == "log_odds":
            others = [name for name in ranking if name != self.writer_]
            if not others:
                raise ValueError(f"{self.writer_} is the only class: there is none for the odds")
            self.against_ = _known("against", self.against, others)
            values = values - log_proba[self.against_]
        self.values_ = values
        total = np.zeros(self.image.shape, np.float32)
        count = np.zeros(self.image.shape, np.float32)
        corners = self.patches[["top", "left"]].to_numpy()
        ends = corners + self.patches[["height", "width"]].to_numpy()
        starts = np.maximum(corners, 0)  # a slice would count negative rows from below
        for (top, left), (bottom, right), value in zip(starts, ends, values, strict=True):
            total[top:bottom, left:right] += value
            count[top:bottom, left:right] += 1
        self.map_ = np.full(self.image.shape, np.nan, np.float32)
        np.divide(total, count, out=self.map_, where=count > 0)


def _known(name: str, wanted: Any, classes: Sequence[Any]) -> Any:
    """Return the wanted class; the most likely class where none is wanted."""
    if wanted is None:
        return classes[0]
    if wanted not in classes:
        shown = some_rows(sorted(map(str, classes)))
        raise ValueError(f"{name} is {wanted!r}, and there are {len(classes)} to choose: {shown}")
    return wanted
