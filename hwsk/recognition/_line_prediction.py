"""Recognize the text of lines with a fitted network: texts, details, log-probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from numbers import Real
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length, check_scalar
from sklearn.utils.validation import check_is_fitted

from hwsk._data.decoding import Image
from hwsk._data.images import LazyImages, check_images, object_array
from hwsk._data.lines import remark_line
from hwsk._data.texts import check_texts
from hwsk._training.batches import RasterDataset
from hwsk._training.estimator import NetworkEstimator
from hwsk.metrics import character_error_rate, read_right
from hwsk.recognition._alternatives import make_weigher
from hwsk.recognition._decoding import CTCDecoder, Reading
from hwsk.recognition._details import (
    Details,
    Found,
    describe,
    find_characters,
    fit_temperature,
    with_gaps,
)
from hwsk.recognition._direction import drop_marks, from_reading_order
from hwsk.recognition._doubt import reading_confidence, warn_of_doubt, warn_of_long_words
from hwsk.recognition._spacing import detokenize as detokenize_text
from hwsk.recognition._spacing import kept_characters

_TILT, _LIFT = 0.1, 1 / 40  # of versions to test on: shear; shift in heights
_TRAINED = 0.5  # mean confidence from where on a recognizer reads at all


class LinePredictor(NetworkEstimator):
    """Recognize lines with a fitted network and a decoder; `CTCRecognizer` adds the training."""

    height: int
    decoder: CTCDecoder | None
    test_augmentations: int
    detokenize: bool
    alphabet_: str
    # of models that were saved before there were these, too
    temperature_: float = 1.0
    text_direction_: str = "visual"
    confidence_: float

    @property
    def _step(self) -> int:
        """1 if lines are read from left to right, -1 from right to left."""
        return -1 if self.text_direction_ == "rtl" else 1

    def _watch(self, images: LazyImages) -> LazyImages:
        """The same images, with a remark on those that don't look like one line."""
        return images.map(_unchanged, partial(_remark_line, height=self.height))

    def _dataset(
        self, images: Sequence[Image], targets: Any = None, augment: Any = None, seed: int = 0
    ) -> RasterDataset:
        return RasterDataset(images, self.levels_, self.height, targets, augment, seed)

    def _reader(self) -> Callable[[NDArray[np.float64], int], list[Reading]]:
        decoder = CTCDecoder(method="greedy") if self.decoder is None else self.decoder
        return decoder._reader(self.alphabet_)

    def _read(
        self,
        images: LazyImages,
        finish: Callable[[int, str, NDArray[np.float64]], Any],
    ) -> list[Any]:
        """Return what `finish` makes of row, characters and log-probabilities of each image.

        The characters are those that were decoded, from left to right in the image.
        """
        read = self._reader()
        results = [None] * len(images)
        texts = [""] * len(images)
        found = np.zeros((len(images), 2))
        for row, line in self._log_probs(images):
            texts[row] = read(line[:: self._step], 1)[0][0]
            results[row] = finish(row, texts[row][:: self._step], line)
            found[row] = reading_confidence(line, self.temperature_)
        typical = getattr(self, "confidence_", 1.0)  # files of before it was kept have none
        if typical > _TRAINED:
            warn_of_doubt(images, found, typical, self._confidences)
            warn_of_long_words(images, texts)
        return results

    def _confidences(self, images: LazyImages) -> NDArray[np.float64]:
        """Mean probability and number of the characters that are read in each image."""
        found = np.zeros((len(images), 2))
        for row, line in self._log_probs(images, warn=False):
            found[row] = reading_confidence(line, self.temperature_)
        return found

    def _log_probs(
        self, images: LazyImages, *, warn: bool = True
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Row and log-probabilities of each image, in any order."""
        versions = [self._dataset(images)]
        for i in range(self.test_augmentations):
            angle = 2 * math.pi * i / self.test_augmentations
            change = partial(_tilt, shear=_TILT * math.cos(angle), shift=_LIFT * math.sin(angle))
            versions.append(self._dataset(images, augment=change))
        for rows, outputs in self._outputs_of_versions(versions, warn=warn):
            lengths = outputs[0][1]  # those of all versions: `_tilt` keeps widths
            mean = sum(log_probs.double() for log_probs, _, _ in outputs) / len(outputs)
            if len(outputs) > 1:
                mean = mean.log_softmax(dim=2)
            for i, row in enumerate(rows):
                yield row, mean[: lengths[i], i].cpu().numpy()

    def predict(self, X: Any, min_confidence: float | None = None) -> NDArray[Any]:
        """Read images.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.
        min_confidence : float, default=None
            A word that holds a character of a lower probability is left out, and "[…]" stands in
            its place. None leaves all words.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Strings (dtype object).
        """
        check_is_fitted(self)
        self._validate_params()  # the decoder may be new
        images = self._watch(check_images(X, self))
        if min_confidence is None:
            texts = self._read(images, self._text_alone)
        else:
            check_scalar(min_confidence, "min_confidence", Real, min_val=0, max_val=1)
            details = self._read(images, self._describer(images))
            texts = [with_gaps(record, min_confidence) for record in details]
        return object_array(texts)

    def predict_details(self, X: Any) -> list[Details]:
        """Read images, and say where each character and word stands and how sure it is.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.

        Returns
        -------
        details : list of dict
            For each image

            text
                What was read.
            characters
                A dict for each: `text`, `probability`, and `start` and `stop`, its place in
                pixels from the left of the image. A blank is a character, too.
            words
                A dict for each of what stands between blanks: `text`, `mean`, `minimum` and
                `geometric_mean` of the probabilities of its characters, `start` and `stop`.
            mean, minimum, geometric_mean
                The same of all characters; 0 where nothing was read.

            It is plain data, that `json.dumps` takes.

        See Also
        --------
        hwsk.recognition.predict_details : The same for a Pipeline.
        calibrate_temperature : So that nine of ten characters of probability 0.9 are right.

        Notes
        -----
        The text, whichever decoder read it, is aligned with the network's output. The probability
        of a character is that of the time step in which it is highest. Where the decoder has a
        language model of characters, the character is weighed there against those that the image
        shows next to it, by image and language model together, as the decoder weights them: one
        that the language model has put right is not doubtful. A language model of words and a
        lexicon have no part in it. CTC shows a character in a step or two of its width;
        it is taken to reach half way to its neighbours, less where its ink ends before. How early
        or late the network shows characters is taken from where the ink of the line begins and
        ends.
        """
        check_is_fitted(self)
        self._validate_params()
        images = self._watch(check_images(X, self))
        return self._read(images, self._describer(images))

    def calibrate_temperature(self, X: Any, y: Any) -> Self:
        """Make the probabilities of characters those with which they are right.

        Log-probabilities are divided by a temperature [1]_, that of the least log loss. It becomes
        `temperature_`, and holds until the next fit. What is read stays the same.

        Parameters
        ----------
        X : array-like of images
            As in `fit`, but images that `fit` was not given, by other writers: of those that it
            has learnt, a network is too sure.
        y : array-like of str of shape (n_samples,)
            What is written.

        Returns
        -------
        self : CTCRecognizer
            The recognizer.

        Raises
        ------
        ValueError
            If nothing is read in X, or X and y differ in length.

        References
        ----------
        .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural
           networks", ICML 2017.
        """
        check_is_fitted(self)
        self._validate_params()
        images = self._watch(check_images(X, self))
        texts = check_texts(y, "y")
        check_consistent_length(images, texts)
        texts = self._as_returned(texts)
        locate = self._locator()

        def find(row: int, decoded: str, line: NDArray[np.float64]) -> Any:
            text, places = self._write(decoded)
            return text, locate(line, decoded).select(places)

        read, found = zip(*self._read(images, find), strict=True)
        right = read_right(texts, read)
        if not any(map(len, right)):
            raise ValueError(f"nothing was read in any of {len(texts)} images: train further first")
        self.temperature_ = fit_temperature(found, right)
        self.confidence_ = float(self._confidences(images)[:, 0].mean())
        return self

    def _locator(self) -> Callable[[NDArray[np.float64], str], Found]:
        """A function that finds decoded characters, from left to right, and weighs them."""
        weigh = make_weigher(self.decoder, self.alphabet_)

        def locate(line: NDArray[np.float64], decoded: str) -> Found:
            read = np.arange(len(decoded))[:: self._step]
            return weigh(find_characters(line, decoded, self.alphabet_).select(read)).select(read)

        return locate

    def _describer(self, images: Sequence[Image]) -> Callable[..., Details]:
        locate = self._locator()

        def finish(row: int, decoded: str, line: NDArray[np.float64]) -> Details:
            text, places = self._write(decoded)
            found = locate(line, decoded)
            return describe(text, found, len(line), images[row], self.temperature_, places)

        return finish

    def _text_alone(self, row: int, decoded: str, line: NDArray[np.float64]) -> str:
        return self._write(decoded)[0]

    def _write(self, decoded: str) -> tuple[str, NDArray[np.int64]]:
        """Turn what was decoded into the text to return, and say where its characters stood."""
        text, places = from_reading_order(decoded[:: self._step], self.text_direction_)
        if self.text_direction_ == "rtl":
            places = len(decoded) - 1 - places
        if self.detokenize:
            kept = kept_characters(text)
            text, places = "".join(np.array([*text], object)[kept]), places[kept]
        return text, places

    def _as_returned(self, texts: Sequence[str]) -> list[str]:
        """Bring given texts into the form in which texts are returned."""
        if self.text_direction_ != "visual":
            texts = [drop_marks(text) for text in texts]
        return [detokenize_text(text) for text in texts] if self.detokenize else list(texts)

    def predict_log_proba(self, X: Any) -> NDArray[np.object_]:
        """Log-probability of each class at each time step.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.

        Returns
        -------
        log_proba : ndarray of shape (n_samples,), dtype object
            Each a float32 array of shape `(time steps, 1 + len(alphabet_))`; column 0 is the blank,
            column i the character `alphabet_[i - 1]`. There are as many steps as quarters of the
            scaled width, from the left of the image to the right. :class:`CTCDecoder` reads them;
            where `text_direction_` is "rtl", pass it ``log_proba[::-1]``, in reading order.
        """
        check_is_fitted(self)
        images = self._watch(check_images(X, self))
        result = np.empty(len(images), dtype=object)
        for row, line in self._log_probs(images):
            result[row] = line.astype(np.float32)
        return result

    def score(self, X: Any, y: Any) -> float:
        """Character accuracy: 1 - character error rate (micro average); can be negative.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.
        y : array-like of str of shape (n_samples,)
            What is written.

        Returns
        -------
        score : float
            1 - character error rate over all of X: 1 is best, and it may be negative.
        """
        check_is_fitted(self)
        self._validate_params()
        images = self._watch(check_images(X, self))
        texts = check_texts(y, "y")
        check_consistent_length(images, texts)
        read = self._read(images, self._text_alone)
        return 1 - character_error_rate(self._as_returned(texts), read)


def _remark_line(image: Image, changed: Image, height: int) -> str | None:
    """Look at images that nothing has brought to the height of the network yet."""
    return None if image.shape[0] == height else remark_line(image)


def _unchanged(image: Image) -> Image:
    return image


def _tilt(image: Image, rng: np.random.Generator, shear: float, shift: float) -> Image:
    """An image leaning a little and moved a little, shear around its middle, of the same size."""
    height, width = image.shape
    matrix = np.array([[1, -shear, shear * height / 2], [0, 1, shift * height]])
    paper = float(np.median(image))
    return cv2.warpAffine(image, matrix, (width, height), borderValue=paper)
