"""Find the text lines of pages (`LineSegmenter`)."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import _fit_context
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import Interval
from sklearn.utils._tags import Tags
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import LazyImages, check_images, name_rows
from hwsk._data.levels import NEGATIVE, invert, is_negative
from hwsk._data.scan import walk
from hwsk._limits import SIDE, whole
from hwsk._training.batches import Augmentation
from hwsk._training.estimator import NetworkEstimator
from hwsk._training.parameters import TRAINING_CONSTRAINTS, document_training
from hwsk._training.rollback import restored_on_failure
from hwsk._warn import warn_caller
from hwsk._wording import some_of
from hwsk.documents._crops import (
    HEIGHT_UNIT,
    UPRIGHT_LEANING,
    Ink,
    LineShape,
    PageCrops,
    PageInks,
    shape_line,
)
from hwsk.documents._elements import Line, Region
from hwsk.documents._layout import View
from hwsk.documents._matching import line_f1
from hwsk.documents._page import Page
from hwsk.documents._tracing import Maps, trace_lines
from hwsk.networks.segmentation import ABOVE, BASELINE, LineLoss, LineNetwork
from hwsk.preprocessing._paper import MOST, find_orientation, page_scale, scale_ink

_UNLIKE = 1.8  # times as high as those of `fit`: such lines are segmented at another scale
_FEW = 3  # lines from where on their median height is one of the page
_POOR = 0.85  # quality of a view, below which coarser ones are tried
_GAIN = 1.1  # times as good has a coarser view to be
_COARSER = 0.5, 0.25, 0.125  # their scales
_SMALLEST = 16  # pixels: a page is not made smaller than this
_UPRIGHT = 1.0  # logit for a page whose lines are level, before looking
_MOST = 3.0  # logit that profiles may give to level lines or to upright ones
_SKEWED = np.deg2rad(2)  # angle of lines, from where on a page is levelled
_CERTAIN = 2.0  # logit of upright against upside down, from where on one look is enough


@document_training
class LineSegmenter(NetworkEstimator):
    """Segment pages into text lines.

    A small U-Net maps the page to baselines, the heights of lines above and below them, and the
    ends of lines [1]_. Ridges in the map of baselines are traced and joined to lines; between
    neighbours a seam through the least ink decides where a line ends, so that a descender belongs
    to its own line. Pages that are turned by 90, 180 or 270 degrees are recognized by a vote of the
    network, pages with much larger or smaller writing are segmented at another scale, and pages
    whose lines rise or fall by 2 degrees or more are levelled.

    Parameters
    ----------
    resolution : int, default=1000
        Each page is scaled to as many pixels as a square of this side has: an A4 page to about 102
        dots per inch, whatever the resolution of the scan. Smaller writing needs more; time grows
        with the square.
    channels : tuple of int, default=(16, 32, 64, 96)
        Filters of each convolutional stage. Each stage halves the image.
    crop_size : int, default=384
        Side in pixels, at that resolution, of the random parts of pages that training sees.
    threshold : float, default=0.3
        Least probability of a baseline, in (0, 1). A larger value finds fewer lines. May be changed
        after `fit`.
    orient : bool, default=True
        Whether pages may be turned; False takes each page as upright. May be changed after `fit`.
    {training}

    Attributes
    ----------
    line_height_ : float
        Median height of the lines of `fit`, in pixels at `resolution`.
    history_ : list of dict
        `epoch`, `train_loss`, `dur` (seconds) and, with early stopping, `valid_loss` and
        `valid_score` (Dice coefficient of the map of baselines) of each epoch.
    n_iter_ : int
        Epochs trained.
    net_ : skorch.NeuralNet
        The fitted net; `net_.module_` is the torch module.

    See Also
    --------
    PageReader : Reads the lines, too.
    cut_lines : The images of the lines that are found.
    find_lines_by_profile : The same without a network, as a baseline.
    hwsk.datasets.load_pages : Pages with PAGE or ALTO to learn from.

    Notes
    -----
    `fit` takes no `sample_weight`, since batch normalization counts all samples alike: repeat a
    sample, or leave it out.

    References
    ----------
    .. [1] O. Kodym, M. Hradis, "Page layout analysis system for unconstrained historic
       documents", ICDAR 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.documents import Line, LineSegmenter
    >>> page = np.full((200, 300), 255, np.uint8)
    >>> page[80:100:4, 40:260] = 0
    >>> line = Line(baseline=[[40, 100], [260, 100]], polygon=[40, 80, 260, 110])
    >>> segmenter = LineSegmenter(
    ...     resolution=128, channels=(4, 8), crop_size=64, max_epochs=1, random_state=0
    ... )
    >>> segmenter.fit([page, page], [[line], [line]]).n_iter_
    1
    """

    line_height_: float

    _native_data = "pages"
    _parameter_constraints: dict[str, list[Any]] = {
        "resolution": [whole(64, SIDE)],
        "channels": [tuple, list],
        "crop_size": [whole(32, SIDE)],
        "threshold": [Interval(Real, 0, 1, closed="neither")],
        "orient": ["boolean"],
        **TRAINING_CONSTRAINTS,
    }

    def __init__(
        self,
        resolution: int = 1000,
        *,
        channels: tuple[int, ...] = (16, 32, 64, 96),
        crop_size: int = 384,
        threshold: float = 0.3,
        orient: bool = True,
        max_epochs: int = 50,
        batch_size: int = 8,
        lr: float = 2e-3,
        lr_schedule: str = "auto",
        weight_decay: float = 1e-2,
        ema_decay: float = 0.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        augment: Augmentation | None = None,
        device: str | torch.device = "auto",
        precision: str = "auto",
        n_jobs: int | None = None,
        warm_start: bool = False,
        callbacks: list[Any] | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.resolution = resolution
        self.channels = channels
        self.crop_size = crop_size
        self.threshold = threshold
        self.orient = orient
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.weight_decay = weight_decay
        self.ema_decay = ema_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.augment = augment
        self.device = device
        self.precision = precision
        self.n_jobs = n_jobs
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, groups: Any = None) -> LineSegmenter:
        """Learn to find lines.

        Parameters
        ----------
        X : array-like of pages
            List of file paths or of arrays (height, width) or (height, width, channels); dark ink
            on light paper, uint8 or float in [0, 1]. A file is one page.
        y : array-like of shape (n_samples,)
            The lines of each page: a `Page` or a list of `Line`, with baseline and polygon in
            pixels of the page. A line without baseline gets one a quarter of its height above its
            lower edge.
        groups : array-like of shape (n_samples,), default=None
            Writers: with `early_stopping`, none is on both sides of the split.

        Returns
        -------
        self : LineSegmenter
            The fitted segmenter.

        Raises
        ------
        ValueError
            If a line has neither baseline nor polygon, no page has a line, a page can't be read, or
            X and y differ in length; page and line are named.
        """
        further = self.warm_start and hasattr(self, "net_")
        images = self._check_pages(X)
        lines = [_lines_of(item, row) for row, item in enumerate(y)]
        check_consistent_length(images, lines, groups)
        if not any(lines):
            raise ValueError(f"none of {len(lines)} pages has a line: there is nothing to learn")
        shapes: list[list[LineShape]] = []
        for row, (height, width) in walk(images, lambda row, image: image.shape):
            scale = page_scale((height, width), self.resolution)
            matrix = np.array([[scale, 0, 0], [0, scale, 0]])
            of_page = enumerate(lines[row])
            shapes.append(
                [
                    shape_line(line, f"line {i} of {images.name(row)}").moved(matrix)
                    for i, line in of_page
                ]
            )
        heights = [shape.above + shape.below for of_page in shapes for shape in of_page]
        known = np.array(heights)[np.isfinite(heights)]
        inks = PageInks(images, self.resolution)

        def make_dataset(rows: NDArray[np.int64], training: bool, seed: int) -> PageCrops:
            return PageCrops(
                rows,
                inks,
                shapes,
                self._padded(self.crop_size),
                self.augment if training else None,
                training,
                seed,
            )

        with restored_on_failure(self):
            if not further:
                self.line_height_ = float(np.median(known)) if len(known) else 2 * HEIGHT_UNIT
            make_module = self._module_to_train_further if further else self._make_module
            self._train(make_dataset, len(lines), groups, make_module)
        return self

    def _check_pages(self, X: Any) -> LazyImages:
        images = check_images(X)
        if images.is_table:
            raise ValueError(
                "X is a 2-D array; expected a list of pages, each a path or an array of pixels: "
                "[page] for a single one"
            )
        return images

    def _padded(self, side: int) -> int:
        multiple = LineNetwork.stride * 2 ** (len(self.channels) - 1)
        return -(-side // multiple) * multiple

    def _prepare(self, image: NDArray[Any], factor: float = 1.0) -> tuple[Ink, float]:
        """Ink of a page at the resolution of the network, and the factor of its size."""
        scale = page_scale(image.shape, self.resolution) * factor
        return scale_ink(image, scale), scale

    def _make_module(self) -> LineNetwork:
        return LineNetwork(tuple(self.channels))

    def _make_criterion(self) -> LineLoss:
        return LineLoss()

    def _score_batch(self, output: Any, target: Any) -> tuple[float, float]:
        found, wanted = output[0][:, BASELINE].sigmoid().cpu(), target[0][:, BASELINE]
        errors = ((found - wanted) ** 2).sum()
        return float(errors), float((found**2).sum() + (wanted**2).sum())

    def _run(self, ink: Ink) -> tuple[Maps, NDArray[np.float32]]:
        """Probabilities and heights, and the logits of the orientation."""
        height, width = ink.shape
        padded = np.zeros((1, 1, self._padded(height), self._padded(width)), np.float32)
        padded[0, 0, :height, :width] = ink / np.float32(255)
        batch = {"images": torch.from_numpy(padded)}, None
        maps, votes = self.net_.evaluation_step(batch)
        stride = LineNetwork.stride
        maps = maps[0, :, : -(-height // stride), : -(-width // stride)].float().cpu().numpy()
        maps[:ABOVE] = expit(maps[:ABOVE])
        return maps, votes[0].float().cpu().numpy()

    def _look(self, image: NDArray[Any]) -> View:
        """Map a page, upright and at the scale of the lines that `fit` has seen.

        A page has the size of its paper, as a rule. Of a note or a part of a page the network sees
        writing that is too large, of which it finds little: of coarser views, the best is taken.
        """
        image = invert(image) if is_negative(image) else image
        view = self._view(image, 1.0)
        if view.quality < _POOR and view.ink.any():
            smallest = _SMALLEST / max(1, min(view.ink.shape))
            for factor in _COARSER:
                if factor >= smallest:
                    coarser = self._view(image, factor)
                    if coarser.quality > _GAIN * view.quality:
                        view = coarser
        if len(view.traces) >= _FEW:
            found = float(np.median([trace.above + trace.below for trace in view.traces]))
            factor = self.line_height_ / found
            if not 1 / _UNLIKE < factor < _UNLIKE:
                factor = float(np.clip(factor, 1 / MOST, MOST))
                factor *= view.scale / page_scale(image.shape, self.resolution)
                view = self._view(image, factor, view.turned)
        return view

    def _level(self, view: View) -> View:
        """Map a page anew whose lines rise or fall: level, it is what `fit` has seen most of."""
        if len(view.traces) < _FEW or abs(view.skew) < _SKEWED:
            return view
        ink, back = view.level()
        maps, _ = self._run(ink)
        traces = trace_lines(maps, self.threshold)
        return view._replace(ink=ink, maps=maps, traces=traces, skewed=(back, view.ink.shape))

    def _view(self, image: NDArray[Any], factor: float, turned: int | None = None) -> View:
        """Map a page at a scale; `turned` None finds out how it is turned."""
        ink, scale = self._prepare(image, factor)
        if turned is None and self.orient:
            ink, maps, turned = self._orient(ink)
        else:
            turned = turned or 0
            ink = np.ascontiguousarray(np.rot90(ink, -turned))
            maps, _ = self._run(ink)
        traces = trace_lines(maps, self.threshold) if ink.any() else []
        return View(ink, traces, turned, scale, maps)

    def _orient(self, ink: Ink) -> tuple[Ink, Maps, int]:
        """Turn a page upright; also its maps, and the quarters by which it was turned.

        The network distinguishes level lines from upright ones. Of upside down pages it has seen
        few, so that it leans to upright: only the difference between both ways is evidence.
        """
        maps, votes = self._run(ink)
        profile = find_orientation(ink)
        turned = 0
        (level, sideways), of_profile = (
            (max(x[0], x[2]), max(x[1], x[3])) for x in (votes, profile)
        )
        # Profiles of few lines, or of a page that is much wider than high, are no sure sign.
        if sideways - level + np.clip(of_profile[1] - of_profile[0], -_MOST, _MOST) > _UPRIGHT:
            turned = 1
            ink = np.ascontiguousarray(np.rot90(ink, -1))
            maps, votes = self._run(ink)
            profile = np.roll(profile, -1)
        leaning, skew = votes[0] - votes[2], profile[0] - profile[2]
        if leaning - UPRIGHT_LEANING + skew < _CERTAIN:
            other = np.ascontiguousarray(np.rot90(ink, 2))
            other_maps, other_votes = self._run(other)
            if (leaning - (other_votes[0] - other_votes[2])) / 2 + skew < 0:
                return other, other_maps, turned + 2
        return ink, maps, turned

    def segment(self, image: NDArray[Any]) -> list[Region]:
        """Find the lines of one page, in regions.

        Parameters
        ----------
        image : ndarray of shape (height, width)
            The page, as in `fit`.

        Returns
        -------
        regions : list of Region
            Columns and marginal notes in reading order, with their lines as `predict` gives them.
        """
        check_is_fitted(self)
        return self._level(self._look(image)).to_regions(image.shape)

    def predict(self, X: Any) -> NDArray[np.object_]:
        """Find the lines of pages.

        Parameters
        ----------
        X : array-like of pages
            As in `fit`.

        Returns
        -------
        lines : ndarray of shape (n_samples,), dtype object
            For each page a list of `Line` in reading order, with `baseline` in the direction of
            reading, `polygon` and `confidence`, in pixels of the page.

        Warns
        -----
        UserWarning
            If pages have no line, or look inverted (light ink on dark paper), counted. The latter
            are turned round.
        """
        check_is_fitted(self)
        self._validate_params()
        images = self._check_pages(X)
        found = np.empty(len(images), dtype=object)
        negative = []
        for row, (regions, inverted) in walk(
            images, lambda row, image: (self.segment(image), is_negative(image))
        ):
            found[row] = [line for region in regions for line in region.lines]
            negative += [row] if inverted else []
        if negative:
            warn_caller(
                f"{some_of(len(negative), len(images), 'pages', NEGATIVE)}, rows "
                f"{name_rows(images, negative)}"
            )
        if empty := [row for row, lines in enumerate(found) if not lines]:
            warn_caller(
                f"{some_of(len(empty), len(images), 'pages', 'have no handwritten line')}, rows "
                f"{name_rows(images, empty)}"
            )
        return found

    def predict_maps(self, X: Any) -> NDArray[np.object_]:
        """Compute the maps of pages, for plotting.

        Parameters
        ----------
        X : array-like of pages
            As in `fit`.

        Returns
        -------
        maps : ndarray of shape (n_samples,), dtype object
            For each page a float32 array of shape (3, height, width): the probability of a
            baseline, of the body of a line and of the end of a line, of the upright page at a
            quarter of the resolution of the network.
        """
        check_is_fitted(self)
        images = self._check_pages(X)
        maps = np.empty(len(images), dtype=object)
        for row, view in walk(images, lambda row, image: self._look(image).maps):
            maps[row] = view[:ABOVE]
        return maps

    def score(self, X: Any, y: Any) -> float:
        """Compute the F1 of lines: a line is found if boxes overlap by half of their union.

        Parameters
        ----------
        X : array-like of pages
            As in `fit`.
        y : array-like of shape (n_samples,)
            As in `fit`.

        Returns
        -------
        score : float
            Between 0 and 1, over the lines of all pages.
        """
        lines = [_lines_of(item, row) for row, item in enumerate(y)]
        found = self.predict(X)
        check_consistent_length(found, lines)
        return line_f1(lines, list(found))


def _lines_of(item: Any, row: int) -> list[Line]:
    lines = item.lines if isinstance(item, Page) else item
    if isinstance(lines, str) or not all(isinstance(line, Line) for line in lines):
        raise TypeError(f"y[{row}] is {item!r:.60}; expected a Page or a list of Line")
    return list(lines)
