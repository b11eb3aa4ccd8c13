"""Transform pen strokes into pen strokes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import object_array
from hwsk._data.strokes import check_strokes

Strokes = NDArray[np.float32]

_CORNER = np.pi / 3  # a turn from which on a corner is kept
_MOST_POINTS = 1_000_000  # that a line may be divided into


class StrokeNormalizer(TransformerMixin, BaseEstimator):
    """Standardise the offsets of pen strokes by the mean and deviation of the training set.

    The third column, whether the pen is lifted, stays as it is.

    Parameters
    ----------
    with_mean : bool, default=True
        Whether to subtract the mean offset. Without, rest stays at zero.
    per_axis : bool, default=True
        Whether dx and dy are divided by a deviation each, as Graves does, or by one for both,
        which keeps the aspect of the writing.

    Attributes
    ----------
    mean_ : ndarray of shape (2,)
        Mean of dx and dy, zeros without `with_mean`.
    scale_ : ndarray of shape (2,)
        What dx and dy are divided by: deviations, or 1 where nothing varies.

    See Also
    --------
    StrokeRasterizer : Draw strokes as images.
    JumpCapper : Shorten the long jumps of the lifted pen, on which the deviation depends.

    References
    ----------
    .. [1] A. Graves, "Generating sequences with recurrent neural networks", arXiv:1308.0850, 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import StrokeNormalizer
    >>> strokes = [np.array([[0, 0, 0], [4, 0, 0], [0, 2, 1]])]
    >>> normalizer = StrokeNormalizer(with_mean=False).fit(strokes)
    >>> normalizer.transform(strokes)[0].round(2).tolist()
    [[0.0, 0.0, 0.0], [2.119999885559082, 0.0, 0.0], [0.0, 2.119999885559082, 1.0]]
    """

    _parameter_constraints = {"with_mean": ["boolean"], "per_axis": ["boolean"]}

    def __init__(self, *, with_mean: bool = True, per_axis: bool = True) -> None:
        self.with_mean = with_mean
        self.per_axis = per_axis

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> StrokeNormalizer:
        """Learn the mean and the deviation of the offsets.

        Parameters
        ----------
        X : list or object array of ndarray of shape (T, 3)
            Strokes: dx, dy, pen_up.
        y : None
            Ignored.

        Returns
        -------
        self : StrokeNormalizer
            The fitted transformer.
        """
        strokes = check_strokes(X)
        offsets = np.concatenate([sample[:, :2] for sample in strokes]).astype(np.float64)
        self.mean_ = offsets.mean(axis=0) if self.with_mean else np.zeros(2)
        variance = offsets.var(axis=0)
        if not self.per_axis:
            variance[:] = variance.mean()
        self.scale_ = np.sqrt(variance)
        self.scale_[self.scale_ == 0] = 1
        return self

    def transform(self, X: Any) -> NDArray[Any]:
        """Standardise the offsets.

        Parameters
        ----------
        X : list or object array of ndarray of shape (T, 3)
            Strokes: dx, dy, pen_up.

        Returns
        -------
        strokes : object array of ndarray of shape (T, 3)
            The same with standardised dx, dy.
        """
        return self._map(X, lambda offsets: (offsets - self.mean_) / self.scale_)

    def inverse_transform(self, X: Any) -> NDArray[Any]:
        """Bring standardised offsets back to the units of the training set.

        Parameters
        ----------
        X : list or object array of ndarray of shape (T, 3)
            Standardised strokes.

        Returns
        -------
        strokes : object array of ndarray of shape (T, 3)
            Strokes in the units of those that were fitted.
        """
        return self._map(X, lambda offsets: offsets * self.scale_ + self.mean_)

    def _map(self, X: Any, change: Callable[[NDArray[Any]], NDArray[Any]]) -> NDArray[Any]:
        check_is_fitted(self)
        strokes = check_strokes(X)
        changed = [np.column_stack([change(s[:, :2]), s[:, 2]]).astype(np.float32) for s in strokes]
        return object_array(changed)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


class StrokeTransformer(TransformerMixin, BaseEstimator):
    """Transform strokes into strokes; base of the stroke transformers, most of them stateless."""

    _parameter_constraints: dict[str, list[Any]] = {}

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> StrokeTransformer:
        """Validate the parameters and the strokes, and learn the lengths that are asked for.

        Parameters
        ----------
        X : list or object array of ndarray of shape (T, 3)
            Strokes: dx, dy (downwards), pen_up.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The transformer itself.
        """
        self._learn(check_strokes(X))
        return self

    def transform(self, X: Any) -> NDArray[Any]:
        """Change the strokes of every sample.

        Parameters
        ----------
        X : list or object array of ndarray of shape (T, 3)
            Strokes: dx, dy (downwards), pen_up.

        Returns
        -------
        strokes : object array of ndarray of shape (T, 3)
            The changed strokes, float32.
        """
        check_is_fitted(self)
        self._validate_params()
        return object_array(self._change(check_strokes(X)))

    def _learn(self, strokes: list[Strokes]) -> None:
        """Learn from the training set."""

    @abstractmethod
    def _change(self, strokes: list[Strokes]) -> list[Strokes]:
        """Change every sample."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


class StrokeDenoiser(StrokeTransformer):
    """Remove what the pen did not write, and smooth its path if asked for.

    Points go that lie far from all other ink (a lost signal), that are reached and left again in
    one leap each (a spike), or that repeat the one before. The stroke continues over them; one
    that had no other points goes wholly.

    Parameters
    ----------
    max_step : float, default=6.0
        What is a leap: steps longer than this many median steps of the sample, pen down. It is for
        recordings at an even pace: in a simplified drawing each corner is reached in a leap. None
        leaves spikes in.
    smoothing : float, default=0.0
        Deviation, in points, of the Gaussian that smooths each stroke; its ends stay. 0 is none.

    See Also
    --------
    StrokeResampler : Points at even distances; do that after.
    StrokeRasterizer : Leaves points far from all other ink out as well.

    Notes
    -----
    There is no way back: likelihoods of what comes out don't compare with those of what went in.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import StrokeDenoiser
    >>> line = np.array([[1, 0, t == 19] for t in range(20)])
    >>> line[10, 1], line[11, 1] = -50, 50
    >>> clean = StrokeDenoiser().fit_transform([line])[0]
    >>> len(clean), clean[9:12].tolist()
    (19, [[1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    """

    _parameter_constraints = {
        "max_step": [Interval(Real, 1, None, closed="left"), None],
        "smoothing": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(self, *, max_step: float | None = 6.0, smoothing: float = 0.0) -> None:
        self.max_step = max_step
        self.smoothing = smoothing

    def _change(self, strokes: list[Strokes]) -> list[Strokes]:
        return [self._denoise(sample) for sample in strokes]

    def _denoise(self, sample: Strokes) -> Strokes:
        points = to_points(sample)
        stroke = np.cumsum(sample[:, 2]) - sample[:, 2]  # the number of the stroke of each point
        last = stroke[-1]
        kept = near_the_rest(points)
        points, stroke = points[kept], stroke[kept]
        if self.max_step is not None:
            kept = ~_spikes(points, stroke, self.max_step)
            points, stroke = points[kept], stroke[kept]
        moved = (np.diff(points, axis=0) != 0).any(axis=1)
        kept = np.r_[True, moved | (np.diff(stroke) > 0)]
        points, stroke = points[kept], stroke[kept]
        ends = np.flatnonzero(np.diff(stroke)) + 1
        if self.smoothing:
            pieces = np.split(points, ends)
            points = np.concatenate([_smooth(piece, self.smoothing) for piece in pieces])
        pen_up = np.zeros(len(points))
        pen_up[ends - 1] = 1
        pen_up[-1] = sample[-1, 2] if stroke[-1] == last else 1
        return _offsets(points, pen_up)


class StrokeResampler(StrokeTransformer):
    """Place points along the path of the pen at even distances, whatever its speed was.

    Each stroke is divided into steps of equal length along it, between its ends and sharp corners,
    which stay; so between two of them steps are a little longer or shorter than `spacing`. The
    number of strokes and where each begins and ends stay, and a dot stays a dot.

    Parameters
    ----------
    spacing : float, default=None
        Distance along the path, in the units of the strokes. None takes the median step of the
        training set, pen down, so that there are about as many points as before.

    Attributes
    ----------
    spacing_ : float
        The distance. Of strokes that are all dots: 1.

    See Also
    --------
    StrokeDenoiser : Remove points that are none; do that before.

    Notes
    -----
    No point of the path is farther from the new one than half a step. The speed of the pen is
    gone, and there is no way back: likelihoods of what comes out don't compare with those of what
    went in, for the number of points is another as well.

    References
    ----------
    .. [1] S. Jaeger, S. Manke, J. Reichert, A. Waibel, "Online handwriting recognition: the NPen++
       recognizer", International Journal on Document Analysis and Recognition, 3, 2001.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import StrokeResampler
    >>> corner = np.array([[0, 0, 0], [1, 0, 0], [7, 0, 0], [0, 6, 1], [3, 0, 1]])
    >>> StrokeResampler(spacing=4).fit_transform([corner])[0].tolist()
    [[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], [4.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 3.0, 1.0],
     [3.0, 0.0, 1.0]]
    """

    _parameter_constraints = {"spacing": [Interval(Real, 0, None, closed="neither"), None]}

    def __init__(self, spacing: float | None = None) -> None:
        self.spacing = spacing

    def _learn(self, strokes: list[Strokes]) -> None:
        if self.spacing is not None:
            self.spacing_ = float(self.spacing)
            return
        steps = np.concatenate([*map(_steps, strokes)])
        steps = steps[steps > 0]
        self.spacing_ = float(np.median(steps)) if len(steps) else 1.0

    def _change(self, strokes: list[Strokes]) -> list[Strokes]:
        return [self._resample(sample, row) for row, sample in enumerate(strokes)]

    def _resample(self, sample: Strokes, row: int) -> Strokes:
        length = _steps(sample).sum()
        if length > _MOST_POINTS * self.spacing_:
            raise ValueError(
                f"strokes in row {row} are {length:.3g} long, over {_MOST_POINTS} steps of "
                f"{self.spacing_:.3g}: take a larger spacing, or StrokeDenoiser before"
            )
        ends = np.flatnonzero(sample[:-1, 2]) + 1
        points = to_points(sample)
        path = points[:, 0] + 1j * points[:, 1]
        pieces = [_resample(stroke, self.spacing_) for stroke in np.split(path, ends)]
        path = np.concatenate(pieces)
        pen_up = np.zeros(len(path))
        pen_up[np.cumsum([len(piece) for piece in pieces]) - 1] = 1
        pen_up[-1] = sample[-1, 2]
        return _offsets(np.column_stack([path.real, path.imag]), pen_up)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags


class JumpCapper(StrokeTransformer):
    """Shorten long jumps of the lifted pen from one stroke to the next.

    The pen goes far back to dot an i, and far away where a recording was interrupted. A network
    that predicts offsets has few such jumps to learn from, and they cost it most.

    Parameters
    ----------
    max_jump : float, default=25.0
        Longest jump, in deviations of the training set's offsets (over both axes, as those of
        `StrokeNormalizer(per_axis=False)`).
    catch_up : bool, default=True
        Whether the next jumps make up for what was cut, as far as they may: a dot comes to lie too
        near, and what follows where it was. False moves all that follows, which closes wide gaps.

    Attributes
    ----------
    limit_ : float
        Longest jump in the units of the strokes.

    See Also
    --------
    StrokeNormalizer : Divide the offsets by that deviation.

    Notes
    -----
    What was cut is gone, and there is no way back: likelihoods of what comes out don't compare
    with those of what went in. Graves caps nothing [1]_.

    References
    ----------
    .. [1] A. Graves, "Generating sequences with recurrent neural networks", arXiv:1308.0850, 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import JumpCapper
    >>> strokes = [np.array([[0, 0, 0], [3, 4, 1], [90, 0, 1], [-9, 0, 1]])]
    >>> capper = JumpCapper(max_jump=1).fit(strokes)
    >>> round(capper.limit_, 1)
    28.4
    >>> capper.transform(strokes)[0][:, 0].round().tolist()
    [0.0, 3.0, 28.0, 28.0]
    >>> JumpCapper(max_jump=1, catch_up=False).fit_transform(strokes)[0][:, 0].round().tolist()
    [0.0, 3.0, 28.0, -9.0]
    """

    _parameter_constraints = {
        "max_jump": [Interval(Real, 0, None, closed="neither")],
        "catch_up": ["boolean"],
    }

    def __init__(self, max_jump: float = 25.0, *, catch_up: bool = True) -> None:
        self.max_jump = max_jump
        self.catch_up = catch_up

    def _learn(self, strokes: list[Strokes]) -> None:
        scale = StrokeNormalizer(per_axis=False).fit(strokes).scale_[0]
        self.limit_ = float(self.max_jump * scale)

    def _change(self, strokes: list[Strokes]) -> list[Strokes]:
        return [self._cap(sample) for sample in strokes]

    def _cap(self, sample: Strokes) -> Strokes:
        capped = sample.copy()
        owed = np.zeros(2)
        for jump in np.flatnonzero(sample[:-1, 2]) + 1:
            wanted = sample[jump, :2] + owed
            given = wanted / max(1.0, np.hypot(*wanted) / self.limit_)
            capped[jump, :2] = given
            if self.catch_up:
                owed = wanted - given
        return capped

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags


def near_the_rest(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mask points no farther from the middle 98% than those extend, in x and in y."""
    low, high = np.percentile(points, [1, 99], axis=0)
    reach = high - low
    reach[0] = max(reach)  # a line of text is wide; a lone tall letter may have a flourish
    reach[reach == 0] = np.inf
    return ((points >= low - reach) & (points <= high + reach)).all(axis=1)


def to_points(sample: Strokes) -> NDArray[np.float64]:
    """Compute the position of the pen after each row."""
    return np.cumsum(sample[:, :2], axis=0, dtype=np.float64)


def _offsets(points: NDArray[np.float64], pen_up: NDArray[Any]) -> Strokes:
    """Strokes of points: the way back from `to_points`."""
    offsets = np.diff(points, axis=0, prepend=np.zeros((1, 2)))
    return np.column_stack([offsets, pen_up]).astype(np.float32)


def written(sample: Strokes) -> NDArray[np.float64]:
    """The offsets of the pen while it writes, without its jumps."""
    return sample[1:, :2][sample[:-1, 2] == 0].astype(np.float64)


def _steps(sample: Strokes) -> NDArray[np.float64]:
    return np.hypot(*written(sample).T)


def _spikes(
    points: NDArray[np.float64], stroke: NDArray[Any], max_step: float
) -> NDArray[np.bool_]:
    """Mask points inside a stroke that are reached and left by leaps, to a place one leap away."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    inside = np.diff(stroke) == 0
    spikes = np.zeros(len(points), bool)
    if (inside & (steps > 0)).any():
        longest = max_step * np.median(steps[inside & (steps > 0)])
        leaps = inside & (steps > longest)
        detour = np.hypot(*(points[2:] - points[:-2]).T)
        spikes[1:-1] = leaps[:-1] & leaps[1:] & (detour <= longest)
    return spikes


def _smooth(stroke: NDArray[np.float64], deviation: float) -> NDArray[np.float64]:
    """One stroke, smoothed; point-symmetric beyond its ends, which so stay."""
    if len(stroke) < 3:
        return stroke
    radius = min(int(4 * deviation) + 1, len(stroke) - 1)
    padded = np.pad(stroke, ((radius, radius), (0, 0)), "reflect", reflect_type="odd")
    smooth = gaussian_filter1d(padded, deviation, axis=0, radius=radius)
    return smooth[radius:-radius]


def _resample(stroke: NDArray[np.complex128], spacing: float) -> NDArray[np.complex128]:
    """One stroke, x + iy, in steps of about `spacing`."""
    steps = np.abs(np.diff(stroke))
    stroke = stroke[np.r_[True, steps > 0]]
    along = np.r_[0, np.cumsum(steps[steps > 0])]
    before = stroke - np.interp(along - spacing, along, stroke)
    after = np.interp(along + spacing, along, stroke) - stroke
    turn = np.abs(np.angle(after * before.conj()))
    fixed = along[np.r_[0, find_peaks(turn, height=_CORNER)[0], len(along) - 1]]
    pieces = [
        np.linspace(start, end, max(1, round((end - start) / spacing)), endpoint=False)
        for start, end in pairwise(fixed)
        if end > start
    ]
    return np.interp(np.concatenate([*pieces, fixed[-1:]]), along, stroke)
