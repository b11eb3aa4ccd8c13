"""Predict texts by a network with a CTC output and a decoder, whatever the samples are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length, check_scalar
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import object_array
from hwsk._data.texts import check_texts
from hwsk._training.estimator import NetworkEstimator
from hwsk._training.parameters import refuse_changed
from hwsk._warn import warn_caller
from hwsk._wording import count
from hwsk.metrics import character_error_rate, read_right
from hwsk.recognition._alternatives import make_weigher
from hwsk.recognition._decoding import CTCDecoder, Reading
from hwsk.recognition._details import Details, Found, find_characters, fit_temperature, with_gaps
from hwsk.recognition._direction import drop_marks, from_reading_order
from hwsk.recognition._doubt import reading_confidence
from hwsk.recognition._language_fit import measure_fit
from hwsk.recognition._spacing import detokenize as detokenize_text
from hwsk.recognition._spacing import kept_characters

_LONGEST = 200  # characters of a parameter's value
_TRAINED = 0.5  # mean confidence from where on a recognizer reads at all
GREEDY = CTCDecoder(method="greedy")
Describe = Callable[[int, str, Found, int, NDArray[np.int64]], Details]


class CTCPredictor(NetworkEstimator):
    """Recognize samples with a fitted network and a decoder.

    A subclass says

    - `_inputs(X)`: the samples, checked;
    - `_log_probs(inputs, warn)`: row and log-probabilities of each, in any order;
    - `_warn_of_doubt(inputs, found, texts)`: names rows that are read with little confidence;
    - `_describe(inputs)`: a function that makes the record of a reading for `predict_details`.
    """

    decoder: CTCDecoder | None
    detokenize: bool
    alphabet_: str
    # of models that were saved before there were these, too
    temperature_: float = 1.0
    calibrated_with_: dict[str, str] | None = None
    text_direction_: str = "visual"
    confidence_: float

    @abstractmethod
    def _inputs(self, X: Any) -> Any: ...

    @abstractmethod
    def _log_probs(
        self, inputs: Any, *, warn: bool = True
    ) -> Iterator[tuple[int, NDArray[np.float64]]]: ...

    @abstractmethod
    def _warn_of_doubt(
        self, inputs: Any, found: NDArray[np.float64], texts: Sequence[str]
    ) -> None: ...

    @abstractmethod
    def _describe(self, inputs: Any) -> Describe: ...

    @property
    def _step(self) -> int:
        """1 if lines are read from left to right, -1 from right to left."""
        return -1 if self.text_direction_ == "rtl" else 1

    def _reader(self) -> Callable[[NDArray[np.float64], int], list[Reading]]:
        decoder = GREEDY if self.decoder is None else self.decoder
        return decoder._reader(self.alphabet_)

    def _read(
        self,
        inputs: Any,
        finish: Callable[[int, str, NDArray[np.float64]], Any],
    ) -> list[Any]:
        """Return what `finish` makes of row, characters and log-probabilities of each sample.

        The characters are those that were decoded, in the order of time steps.
        """
        read = self._reader()
        results = [None] * len(inputs)
        texts = [""] * len(inputs)
        found = np.zeros((len(inputs), 2))
        for row, line in self._log_probs(inputs):
            texts[row] = read(line[:: self._step], 1)[0][0]
            results[row] = finish(row, texts[row][:: self._step], line)
            found[row] = reading_confidence(line, self.temperature_)
        if self._typical_confidence > _TRAINED:
            self._warn_of_doubt(inputs, found, texts)
        return results

    @property
    def _typical_confidence(self) -> float:
        return getattr(self, "confidence_", 1.0)  # files of before it was kept have none

    def _confidences(self, inputs: Any) -> NDArray[np.float64]:
        """Mean probability and number of the characters that are read in each sample."""
        found = np.zeros((len(inputs), 2))
        for row, line in self._log_probs(inputs, warn=False):
            found[row] = reading_confidence(line, self.temperature_)
        return found

    def predict(self, X: Any, min_confidence: float | None = None) -> NDArray[Any]:
        """Read samples.

        Parameters
        ----------
        X : array-like
            Samples, as in `fit`.
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
        inputs = self._inputs(X)
        if min_confidence is None:
            texts = self._read(inputs, self._text_alone)
        else:
            check_scalar(min_confidence, "min_confidence", Real, min_val=0, max_val=1)
            details = self._read(inputs, self._describer(inputs))
            texts = [with_gaps(record, min_confidence) for record in details]
        return object_array(texts)

    def _details(self, X: Any) -> list[Details]:
        """Read samples, and describe what was read."""
        check_is_fitted(self)
        self._validate_params()
        inputs = self._inputs(X)
        describe, read_greedily = self._describer(inputs), GREEDY._reader(self.alphabet_)
        greedy = [""] * len(inputs)

        def finish(row: int, decoded: str, line: NDArray[np.float64]) -> Details:
            greedy[row] = read_greedily(line[:: self._step], 1)[0][0]
            return describe(row, decoded, line)

        records = self._read(inputs, finish)
        for record, fit in zip(records, self._language_fits(greedy), strict=True):
            record["language_fit"] = fit
        return records

    def _language_fits(self, texts: list[str]) -> list[float | None]:
        """Judge texts, which no language model has helped to read, by that of the decoder."""
        model = None if self.decoder is None else self.decoder.language_model
        if model is None or model.unit != "char" or not texts:
            return [None] * len(texts)
        fits = zip(texts, measure_fit(model, texts).tolist(), strict=True)
        return [fit if text and np.isfinite(fit) else None for text, fit in fits]

    def calibrate_temperature(self, X: Any, y: Any) -> Self:
        """Make the probabilities of characters those with which they are right.

        Log-probabilities are divided by a temperature [1]_, that of the least log loss. It becomes
        `temperature_`, and holds until the next fit, for the present `decoder` and
        `test_augmentations`: with others, confidence is refused until this is called again. What is
        read stays the same.

        Parameters
        ----------
        X : array-like
            Samples, as in `fit`, but such as `fit` was not given, by other writers: of those that
            it has learnt, a network is too sure.
        y : array-like of str of shape (n_samples,)
            What is written.

        Returns
        -------
        self : object
            The recognizer.

        Raises
        ------
        ValueError
            If nothing is read in X, or X and y differ in length.

        Warns
        -----
        UserWarning
            If all characters that are read are right, or all wrong: too few samples.

        References
        ----------
        .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural
           networks", ICML 2017.
        """
        check_is_fitted(self)
        self._validate_params()
        inputs = self._inputs(X)
        texts = check_texts(y, "y", one_line=True)
        check_consistent_length(inputs, texts)
        texts = self._as_returned(texts)
        locate = self._locator()

        def find(row: int, decoded: str, line: NDArray[np.float64]) -> Any:
            text, places = self._write(decoded)
            return text, locate(line, decoded).select(places)

        read, found = zip(*self._read(inputs, find), strict=True)
        right = read_right(texts, read)
        if not any(map(len, right)):
            raise ValueError(
                f"nothing was read in any of {len(texts)} samples: train further first"
            )
        self._warn_of_one_kind(np.concatenate(right))
        self.temperature_ = fit_temperature(found, right)
        self.calibrated_with_ = self._decoding_parameters()
        self.confidence_ = float(self._confidences(inputs)[:, 0].mean())
        return self

    def _warn_of_one_kind(self, right: NDArray[np.bool_]) -> None:
        """Warn that no temperature fits, where all that was read is right, or all wrong."""
        if right.all() or not right.any():
            warn_caller(
                f"of {count(len(right), 'character')} that were read, all are "
                f"{'right' if right.all() else 'wrong'}: no temperature fits, and the outermost is "
                "taken. Calibrate on more samples"
            )

    def _locator(self) -> Callable[[NDArray[np.float64], str], Found]:
        """A function that finds decoded characters, from left to right, and weighs them."""
        weigh = make_weigher(self.decoder, self.alphabet_)

        def locate(line: NDArray[np.float64], decoded: str) -> Found:
            read = np.arange(len(decoded))[:: self._step]
            return weigh(find_characters(line, decoded, self.alphabet_).select(read)).select(read)

        return locate

    def _decoding_parameters(self) -> dict[str, str]:
        """Describe what the confidence of characters depends on beside the network."""
        found: dict[str, str] = {"decoder": type(self.decoder).__name__}
        if n_copies := getattr(self, "test_augmentations", 0):
            found["test_augmentations"] = str(n_copies)
        if self.decoder is not None:
            for name, value in self.decoder.get_params().items():
                text = " ".join(repr(value).split())
                if len(text) > _LONGEST:  # such as a lexicon
                    text = f"{text[:20]}... (sha256 {sha256(text.encode()).hexdigest()[:16]})"
                found[f"decoder__{name}"] = text
        return found

    def _describer(self, inputs: Any) -> Callable[..., Details]:
        then, now = self.calibrated_with_, self._decoding_parameters()
        if then is not None:
            refuse_changed("temperature_", then, now, "texts are decoded", "calibrate_temperature")
        locate, describe = self._locator(), self._describe(inputs)

        def finish(row: int, decoded: str, line: NDArray[np.float64]) -> Details:
            text, places = self._write(decoded)
            record = describe(row, text, locate(line, decoded), len(line), places)
            confidence, _ = reading_confidence(line, self.temperature_)
            is_trained = self._typical_confidence > _TRAINED
            record["relative"] = confidence / self._typical_confidence if is_trained else 1.0
            return record

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

    def _predict_log_proba(self, X: Any) -> NDArray[np.object_]:
        """Log-probability of each class at each time step, as float32."""
        check_is_fitted(self)
        inputs = self._inputs(X)
        result = np.empty(len(inputs), dtype=object)
        for row, line in self._log_probs(inputs):
            result[row] = line.astype(np.float32)
        return result

    def score(self, X: Any, y: Any) -> float:
        """Compute the character accuracy: 1 - character error rate (micro average); may be below 0.

        Parameters
        ----------
        X : array-like
            Samples, as in `fit`.
        y : array-like of str of shape (n_samples,)
            What is written.

        Returns
        -------
        score : float
            1 - character error rate over all of X: 1 is best, and it may be negative.
        """
        check_is_fitted(self)
        self._validate_params()
        inputs = self._inputs(X)
        texts = check_texts(y, "y", one_line=True)
        check_consistent_length(inputs, texts)
        read = self._read(inputs, self._text_alone)
        return 1 - character_error_rate(self._as_returned(texts), read)
