"""Augment images of handwriting in training, by callables `(image, rng) -> image`.

An image is a 2-D array, uint8 or float in [0, 1], with dark ink on light paper; what comes out has
the same dtype, and what the change uncovers is filled with the tone of the paper. All randomness
comes from `rng`, a `numpy.random.Generator`. Lengths are in pixels of the image given.

Augmentations have scikit-learn's `get_params` and `set_params`, can be cloned, compared in a grid
search and saved, but have no `fit`: they are the value of an estimator's `augment` parameter.

`RandomStrokeDistortion` is for estimators of pen strokes: `(strokes, rng) -> strokes`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any
from weakref import WeakKeyDictionary

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

from hwsk._data.images import Image, paper_level
from hwsk._limits import COPIES, SIDE, whole
from hwsk.preprocessing._image_transformer import check_warpable, paper_color, warp_affine
from hwsk.preprocessing._stroke_augmentation import RandomStrokeDistortion

__all__ = [
    "Compose",
    "ElasticDistortion",
    "RandomAffine",
    "RandomBlur",
    "RandomContrast",
    "RandomMask",
    "RandomMorphology",
    "RandomNoise",
    "RandomStrokeDistortion",
    "character_augmentation",
    "default_augmentation",
    "writer_augmentation",
]

_AMOUNT = [Interval(Real, 0, 100, closed="both")]
_MOST_SCALED = 10  # times the width or height of an image
# Parameters as they were when last found valid: to check them costs more than most changes.
_checked: WeakKeyDictionary[_Augmentation, dict[str, Any]] = WeakKeyDictionary()
_PROBABILITY = [Interval(Real, 0, 1, closed="both")]


class _Augmentation(BaseEstimator):
    """Check the parameters and the image, and keep dtypes; base of the augmentations."""

    _parameter_constraints: dict[str, list[Any]] = {}

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Change one image.

        Parameters
        ----------
        image : ndarray of shape (height, width)
            Pixels as uint8, or float in [0, 1]; dark ink on light paper. It is not written to.
        rng : numpy.random.Generator
            Where all randomness comes from.

        Returns
        -------
        image : ndarray of shape (height, new width)
            Of the same dtype; the image itself if there is nothing to change.
        """
        if _checked.get(self) != vars(self):
            self._validate_params()
            _checked[self] = dict(vars(self))
        image = np.asarray(image)
        known_dtype = image.dtype == np.uint8 or image.dtype.kind == "f"
        if image.ndim != 2 or not image.size or not known_dtype:
            raise ValueError(
                f"{type(self).__name__} got an image of shape {image.shape} and dtype "
                f"{image.dtype}; it takes 2-D arrays of uint8 or float"
            )
        if image.dtype == np.uint8:
            return self._apply(image, rng)
        pixels = image.astype(np.float32, copy=False)
        if not np.isfinite(pixels).all():
            raise ValueError(f"{type(self).__name__} got an image that holds NaN or infinity")
        changed = self._apply(pixels, rng)
        return image if changed is pixels else changed.astype(image.dtype, copy=False)

    @abstractmethod
    def _apply(self, image: Image, rng: np.random.Generator) -> Image:
        """Change one image of uint8 or float32."""


class RandomAffine(_Augmentation):
    """Slant, stretch, rotate and shift the writing.

    The height stays, and the width follows the stretch and the slant, unless `keep_size` is set.
    What leaves the frame is cut off.

    Parameters
    ----------
    rotation : float, default=1.0
        Largest angle in degrees, either way. In wide images it is limited so that the ends rise
        or fall by no more than an eighth of the height.
    shear : float, default=0.3
        Largest slant, either way, to the side for each unit of height.
    scale_x, scale_y : tuple of (float, float), default=(0.8, 1.25) and (0.8, 1.05)
        Smallest and largest factor for the width and the height of the writing.
    shift : float, default=0.05
        Largest shift up or down, as a fraction of the height.
    keep_size : bool, default=False
        Keep the width of the frame, too, and shift sideways as well: for images of one character.

    See Also
    --------
    ElasticDistortion : Move every part of the image differently.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing.augmentation import RandomAffine
    >>> wider = RandomAffine(0, 0, scale_x=(1.5, 1.5), scale_y=(1, 1), shift=0)
    >>> wider(np.full((40, 100), 255, np.uint8), np.random.default_rng(0)).shape
    (40, 150)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "rotation": [Interval(Real, 0, 45, closed="both")],
        "shear": _AMOUNT,
        "scale_x": [tuple, list],
        "scale_y": [tuple, list],
        "shift": _AMOUNT,
        "keep_size": ["boolean"],
    }

    def __init__(
        self,
        rotation: float = 1.0,
        shear: float = 0.3,
        *,
        scale_x: tuple[float, float] = (0.8, 1.25),
        scale_y: tuple[float, float] = (0.8, 1.05),
        shift: float = 0.05,
        keep_size: bool = False,
    ) -> None:
        self.rotation = rotation
        self.shear = shear
        self.scale_x = scale_x
        self.scale_y = scale_y
        self.shift = shift
        self.keep_size = keep_size

    def _apply(self, image: Image, rng: np.random.Generator) -> Image:
        height, width = image.shape
        limit = min(np.tan(np.deg2rad(self.rotation)), 0.25 * height / width)
        slope, shear, shift = rng.uniform(-1, 1, 3) * (limit, self.shear, self.shift * height)
        scale_x = self._scale("scale_x", rng)
        scale_y = self._scale("scale_y", rng)
        if (slope, shear, shift, scale_x, scale_y) == (0, 0, 0, 1, 1):
            return image
        new_width, aside = max(1, round(scale_x * width + abs(shear) * height)), 0.0
        if self.keep_size:
            new_width, aside = width, rng.uniform(-1, 1) * self.shift * width
        cosine = 1 / np.hypot(1, slope)
        rotate = np.array([[cosine, slope * cosine], [-slope * cosine, cosine]])
        linear = rotate @ [[scale_x, -shear], [0, scale_y]]
        centre = np.array([width - 1, height - 1]) / 2
        new_centre = np.array([(new_width - 1) / 2 + aside, (height - 1) / 2 + shift])
        matrix = np.column_stack([linear, new_centre - linear @ centre])
        return warp_affine(image, matrix, (new_width, height))

    def _validate_params(self) -> None:
        super()._validate_params()
        for name in ("scale_x", "scale_y"):
            factors = getattr(self, name)
            if len(factors) != 2 or not 0 < factors[0] <= factors[1] <= _MOST_SCALED:
                raise ValueError(
                    f"{name}={factors!r}: should be (low, high) with 0 < low <= high <= "
                    f"{_MOST_SCALED}"
                )

    def _scale(self, name: str, rng: np.random.Generator) -> float:
        low, high = getattr(self, name)
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))


class ElasticDistortion(_Augmentation):
    """Move every part of the image a little, neighbours alike.

    Parameters
    ----------
    alpha : float, default=1.0
        Standard deviation of the displacement in pixels, each way.
    sigma : float, default=12.0
        Standard deviation of the Gaussian in pixels. Points as far apart move independently. Small
        values make the pen tremble, large ones change the shapes of letters.

    See Also
    --------
    RandomAffine : Move the image as a whole.

    Notes
    -----
    As in [1]_, but the random field is drawn on a coarse grid of `sigma` pixels and interpolated,
    as in [2]_, rather than drawn for each pixel and smoothed: the same effect in a tenth of the
    time.

    References
    ----------
    .. [1] P. Simard, D. Steinkraus and J. Platt, "Best practices for convolutional neural networks
       applied to visual document analysis", ICDAR 2003.
    .. [2] C. Wigington et al., "Data augmentation for recognition of handwritten words and lines
       using a CNN-LSTM network", ICDAR 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing.augmentation import ElasticDistortion
    >>> image = np.full((40, 100), 255, np.uint8)
    >>> image[20:22] = 0
    >>> ElasticDistortion(2.0)(image, np.random.default_rng(0)).shape
    (40, 100)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "alpha": _AMOUNT,
        "sigma": [Interval(Real, 1, SIDE, closed="both")],
    }

    def __init__(self, alpha: float = 1.0, sigma: float = 12.0) -> None:
        self.alpha = alpha
        self.sigma = sigma

    def _apply(self, image: Image, rng: np.random.Generator) -> Image:
        if not self.alpha:
            return image
        check_warpable(image.shape)
        height, width = image.shape
        grid = (2 + int(height / self.sigma), 2 + int(width / self.sigma), 2)
        coarse = rng.standard_normal(grid, dtype=np.float32) * np.float32(self.alpha)
        field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        return cv2.remap(
            image,
            field[..., 0] + np.arange(width, dtype=np.float32),
            field[..., 1] + np.arange(height, dtype=np.float32)[:, np.newaxis],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=paper_color(image),
        )


class RandomMorphology(_Augmentation):
    """Make the pen thicker or thinner.

    Parameters
    ----------
    thicker : float, default=1.0
        Largest number of pixels that strokes gain in width.
    thinner : float, default=0.5
        Largest number of pixels that strokes lose in width; those that have no more fade.

    See Also
    --------
    RandomContrast : Make the ink lighter.

    Notes
    -----
    An erosion or dilation of the grey levels; parts of a pixel are a mixture of the two nearest.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing.augmentation import RandomMorphology
    >>> image = np.full((20, 20), 255, np.uint8)
    >>> image[:, 10] = 0
    >>> thicker = RandomMorphology(4, 0)(image, np.random.default_rng(0))
    >>> bool(thicker.mean() < image.mean())
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {"thicker": _AMOUNT, "thinner": _AMOUNT}

    def __init__(self, thicker: float = 1.0, thinner: float = 0.5) -> None:
        self.thicker = thicker
        self.thinner = thinner

    def _apply(self, image: Image, rng: np.random.Generator) -> Image:
        change = rng.uniform(-self.thinner, self.thicker)
        if not change:
            return image
        # Ink is dark: the least of the neighbours (erosion) widens it.
        spread = cv2.erode if change > 0 else cv2.dilate
        whole, part = divmod(abs(change), 1)
        less = _spread(image, spread, int(whole))
        more = _spread(image, spread, int(whole) + 1)
        return cv2.addWeighted(less, 1 - part, more, part, 0)


def _spread(image: Image, spread: Callable[..., Image], pixels: int) -> Image:
    if not pixels:
        return image
    return spread(image, np.ones((pixels + 1, pixels + 1), np.uint8))


class RandomBlur(_Augmentation):
    """Blur the image.

    Parameters
    ----------
    sigma : float, default=0.8
        Standard deviation of the Gaussian in pixels. It is the largest that is drawn.

    See Also
    --------
    RandomNoise : Add noise.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing.augmentation import RandomBlur
    >>> image = np.full((5, 5), 1.0)
    >>> image[2, 2] = 0
    >>> bool(RandomBlur()(image, np.random.default_rng(0))[2, 2] > 0)
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {"sigma": _AMOUNT}

    def __init__(self, sigma: float = 0.8) -> None:
        self.sigma = sigma

    def _apply(self, image: Image, rng: np.random.Generator) -> Image:
        sigma = rng.uniform(0, self.sigma)
        if sigma < 0.1:  # less than a grey level
            return image
        size = 2 * int(np.ceil(3 * sigma)) + 1
        return cv2.GaussianBlur(image, (size, size), sigma, borderType=cv2.BORDER_REPLICATE)


class RandomContrast(_Augmentation):
    """Make the ink paler, and its edges heavier or lighter.

    Parameters
    ----------
    fade : float, default=0.3
        Largest part of the ink's darkness that is lost.
    gamma : float, default=0.3
        Darkness is raised to a power between `1 / (1 + gamma)` and `1 + gamma`.

    See Also
    --------
    RandomMorphology : Change the width of strokes.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing.augmentation import RandomContrast
    >>> image = np.array([[0, 255]], np.uint8)
    >>> paler = RandomContrast(0.5)(image, np.random.default_rng(0))
    >>> bool(0 < paler[0, 0] < 128), int(paler[0, 1])
    (True, 255)
    """

    _parameter_constraints: dict[str, list[Any]] = {"fade": _PROBABILITY, "gamma": _AMOUNT}

    def __init__(self, fade: float = 0.3, gamma: float = 0.3) -> None:
        self.fade = fade
        self.gamma = gamma

    def _apply(self, image: Image, rng: np.random.Generator) -> Image:
        keep = 1 - rng.uniform(0, self.fade)
        power = (1 + self.gamma) ** rng.uniform(-1, 1)
        if keep == 1 and power == 1:
            return image
        level = paper_level(image)
        tones = np.arange(256) if image.dtype == np.uint8 else image
        darkness = np.clip(1 - tones / level, 0, 1)
        changed = level * (1 - keep * darkness**power)
        if image.dtype == np.uint8:
            return cv2.LUT(image, np.rint(changed).astype(np.uint8))
        return changed.astype(np.float32)


class RandomNoise(_Augmentation):
    """Add the grain of paper and scanner.

    Parameters
    ----------
    std : float, default=0.05
        Largest standard deviation of the Gaussian noise, where black to white is 1.

    See Also
    --------
    RandomBlur : Blur the image.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing.augmentation import RandomNoise
    >>> image = np.full((8, 8), 128, np.uint8)
    >>> bool(RandomNoise()(image, np.random.default_rng(0)).std() > 0)
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {"std": _AMOUNT}

    def __init__(self, std: float = 0.05) -> None:
        self.std = std

    def _apply(self, image: Image, rng: np.random.Generator) -> Image:
        if not self.std:
            return image
        level = paper_level(image)
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        noise *= np.float32(level * rng.uniform(0, self.std))
        noise += image
        noise = np.clip(noise, 0, level, out=noise)
        return np.rint(noise).astype(np.uint8) if image.dtype == np.uint8 else noise


class RandomMask(_Augmentation):
    """Wipe out upright strips, so that a recognizer learns to read from the neighbourhood.

    Parameters
    ----------
    n_strips : int, default=2
        Largest number of strips.
    width : float, default=0.4
        Largest width of a strip, in heights of the image.

    See Also
    --------
    RandomContrast : Make the ink paler everywhere.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing.augmentation import RandomMask
    >>> image = np.full((40, 100), 255, np.uint8)
    >>> image[20] = 0
    >>> bool((RandomMask(4)(image, np.random.default_rng(0))[20] == 255).any())
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "n_strips": [whole(0, COPIES)],
        "width": _AMOUNT,
    }

    def __init__(self, n_strips: int = 2, width: float = 0.4) -> None:
        self.n_strips = n_strips
        self.width = width

    def _apply(self, image: Image, rng: np.random.Generator) -> Image:
        n_strips = int(rng.integers(0, self.n_strips, endpoint=True))
        if not n_strips or not self.width:
            return image
        image = image.copy()
        paper = paper_color(image)
        for _ in range(n_strips):
            width = int(rng.uniform(0, self.width * image.shape[0]))
            left = int(rng.integers(0, image.shape[1]))
            image[:, left : left + width] = paper
        return image


class Compose(_Augmentation):
    """Apply augmentations one after another, each with a probability.

    Parameters
    ----------
    steps : list of callable
        Each takes `(image, rng)` and returns an image.
    p : float or list of float, default=1.0
        Probability of each step: one for all, or one for each.

    See Also
    --------
    default_augmentation : A composition that suits lines of text.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing.augmentation import Compose, RandomAffine, RandomBlur
    >>> augment = Compose([RandomAffine(scale_x=(1, 1), shear=0), RandomBlur()], p=[1, 0.5])
    >>> augment(np.full((40, 100), 255, np.uint8), np.random.default_rng(0)).shape
    (40, 100)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "steps": [list, tuple],
        "p": [*_PROBABILITY, list, tuple],
    }

    def __init__(
        self,
        steps: Sequence[Callable[[Image, np.random.Generator], Image]],
        p: float | Sequence[float] = 1.0,
    ) -> None:
        self.steps = steps
        self.p = p

    def _validate_params(self) -> None:
        super()._validate_params()
        chances = self._chances()
        if len(chances) != len(self.steps) or not all(0 <= chance <= 1 for chance in chances):
            raise ValueError(
                f"p={self.p!r}: should be one probability, or one for each of the "
                f"{len(self.steps)} steps"
            )
        if wrong := [step for step in self.steps if not callable(step)]:
            raise TypeError(f"steps holds {wrong[0]!r}: should be callables (image, rng) -> image")

    def _chances(self) -> NDArray[np.float64]:
        return np.full(len(self.steps), self.p) if np.ndim(self.p) == 0 else np.array(self.p)

    def _apply(self, image: Image, rng: np.random.Generator) -> Image:
        for step, chance in zip(self.steps, self._chances(), strict=True):
            if rng.random() < chance:
                image = step(image, rng)
        return image


def default_augmentation(strength: float = 1.0) -> Compose:
    """Make an augmentation for lines of text about 40 pixels high.

    Slant, width, height and place of the writing vary most, then the shapes of letters, the width
    of the pen and the sharpness. The text stays readable at the default strength.

    Parameters
    ----------
    strength : float, default=1.0
        Factor for all amounts: 0 changes nothing, 2 is hard to read in places.

    Returns
    -------
    augment : Compose
        Callable `(image, rng) -> image`, for the `augment` parameter of an estimator.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing.augmentation import default_augmentation
    >>> image = np.full((40, 300), 255, np.uint8)
    >>> default_augmentation()(image, np.random.default_rng(0)).dtype
    dtype('uint8')
    """
    _check_strength(strength)
    return Compose(
        [
            RandomAffine(
                rotation=min(1.0 * strength, 45),
                shear=0.35 * strength,
                scale_x=(1 / (1 + 0.3 * strength), 1 + 0.3 * strength),
                scale_y=(1 / (1 + 0.3 * strength), 1 + 0.05 * strength),
                shift=0.06 * strength,
            ),
            ElasticDistortion(alpha=0.9 * strength, sigma=14.0),
            RandomMorphology(thicker=1.0 * strength, thinner=0.6 * strength),
            RandomBlur(sigma=0.8 * strength),
            RandomContrast(fade=min(0.3 * strength, 0.9), gamma=0.4 * strength),
        ],
        p=[0.9, 0.7, 0.5, 0.3, 0.3],
    )


def character_augmentation(strength: float = 1.0) -> Compose:
    """Make an augmentation for images of one character, about 28 pixels each way.

    Turn, slant, size, proportions and place vary, and an elastic distortion changes the shape, as
    in [1]_. Characters remain distinguishable at the default strength.

    Parameters
    ----------
    strength : float, default=1.0
        Factor for all amounts: 0 changes nothing, 3 is hard to read.

    Returns
    -------
    augment : Compose
        Callable `(image, rng) -> image`, for the `augment` parameter of a `CharacterClassifier`.

    See Also
    --------
    default_augmentation : The one for lines.

    References
    ----------
    .. [1] P. Simard, D. Steinkraus and J. Platt, "Best practices for convolutional neural networks
       applied to visual document analysis", ICDAR 2003.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing.augmentation import character_augmentation
    >>> image = np.full((28, 28), 255, np.uint8)
    >>> character_augmentation()(image, np.random.default_rng(0)).shape
    (28, 28)
    """
    _check_strength(strength)
    scale = (1 / (1 + 0.15 * strength), 1 + 0.15 * strength)
    return Compose(
        [
            RandomAffine(
                rotation=min(10.0 * strength, 45),
                shear=0.2 * strength,
                scale_x=scale,
                scale_y=scale,
                shift=0.06 * strength,
                keep_size=True,
            ),
            ElasticDistortion(alpha=0.8 * strength, sigma=8.0),
        ],
        p=[0.9, 0.7],
    )


def writer_augmentation(strength: float = 1.0) -> Compose:
    """Make an augmentation for patches of handwriting at 300 dpi that keeps the writer's hand.

    Slant, size and shapes vary by less than between writers, and the width of the pen a little. A
    quarter of the patches are not warped, and stay as sharp as they were: a network that tells
    writers apart tells warped images from others, too.

    Parameters
    ----------
    strength : float, default=1.0
        Factor for all amounts: 0 changes nothing, 3 makes it another writer's.

    Returns
    -------
    augment : Compose
        Callable `(image, rng) -> image`, for the `augment` parameter of a `WriterClassifier`.

    See Also
    --------
    default_augmentation : The one for lines to be read.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing.augmentation import writer_augmentation
    >>> image = np.full((128, 256), 255, np.uint8)
    >>> writer_augmentation()(image, np.random.default_rng(0)).shape
    (128, 256)
    """
    _check_strength(strength)
    scale = (1 / (1 + 0.15 * strength), 1 + 0.15 * strength)
    return Compose(
        [
            RandomAffine(
                rotation=min(2.0 * strength, 45),
                shear=0.1 * strength,
                scale_x=scale,
                scale_y=scale,
                shift=0.0,
                keep_size=True,
            ),
            ElasticDistortion(alpha=1.4 * strength, sigma=20.0),
            RandomMorphology(thicker=0.5 * strength, thinner=0.5 * strength),
        ],
        p=[0.6, 0.4, 0.3],
    )


def _check_strength(strength: float) -> None:
    if not 0 <= strength < np.inf:
        raise ValueError(f"strength={strength!r}: should be a number of at least 0")
