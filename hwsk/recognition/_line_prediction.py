"""Predict the text of images of lines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hwsk._data.decoding import Image
from hwsk._data.images import LazyImages, check_images
from hwsk._data.lines import remark_line
from hwsk._training.batches import RasterDataset
from hwsk.recognition._ctc_prediction import CTCPredictor, Describe
from hwsk.recognition._details import Details, Found, describe
from hwsk.recognition._doubt import warn_of_doubt, warn_of_long_words

_TILT, _LIFT = 0.1, 1 / 40  # of versions to test on: shear; shift in heights


class LinePredictor(CTCPredictor):
    """Recognize images of lines; `CTCRecognizer` adds the training."""

    height: int
    test_augmentations: int

    def _inputs(self, X: Any) -> LazyImages:
        return self._watch(check_images(X, self))

    def _watch(self, images: LazyImages) -> LazyImages:
        """The same images, with a remark on those that don't look like one line."""
        return images.map(_unchanged, partial(_remark_line, height=self.height))

    def _dataset(
        self, images: Sequence[Image], targets: Any = None, augment: Any = None, seed: int = 0
    ) -> RasterDataset:
        return RasterDataset(images, self.levels_, self.height, targets, augment, seed)

    def _warn_of_doubt(
        self, inputs: LazyImages, found: NDArray[np.float64], texts: Sequence[str]
    ) -> None:
        warn_of_doubt(inputs, found, self._typical_confidence, self._confidences)
        warn_of_long_words(inputs, texts)

    def _log_probs(
        self, inputs: LazyImages, *, warn: bool = True
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Row and log-probabilities of each image, in any order."""
        versions = [self._dataset(inputs)]
        for i in range(self.test_augmentations):
            angle = 2 * math.pi * i / self.test_augmentations
            change = partial(_tilt, shear=_TILT * math.cos(angle), shift=_LIFT * math.sin(angle))
            versions.append(self._dataset(inputs, augment=change))
        for rows, outputs in self._outputs_of_versions(versions, warn=warn):
            lengths = outputs[0][1]  # those of all versions: `_tilt` keeps widths
            mean = sum(log_probs.double() for log_probs, _, _ in outputs) / len(outputs)
            if len(outputs) > 1:
                mean = mean.log_softmax(dim=2)
            for i, row in enumerate(rows):
                yield row, mean[: lengths[i], i].cpu().numpy()

    def _describe(self, inputs: Sequence[Image]) -> Describe:
        def record(
            row: int, text: str, found: Found, n_steps: int, places: NDArray[np.int64]
        ) -> Details:
            return describe(text, found, n_steps, inputs[row], self.temperature_, places)

        return record

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
            relative
                Mean probability of the characters by the image alone, as a share of what the
                recognizer has on average; 1 for one that hardly recognizes anything.
            language_fit
                How much more probable the characters of the greedy reading are after those before
                them than alone, by the decoder's language model, as a share of what texts of that
                model have: about 1 in its language, mostly below 0.4 in others, near 0 in other
                scripts. It is sure for 100 characters and more, lines together. None without a
                language model of characters, or if nothing was read.

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
        return self._details(X)

    def predict_log_proba(self, X: Any) -> NDArray[np.object_]:
        """Predict the log-probability of each class at each time step.

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
        return self._predict_log_proba(X)


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
