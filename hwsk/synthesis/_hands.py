"""Take the hands in which a synthesizer is to write: lines, vectors, numbers (`HandsMixin`)."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from hwsk._data.strokes import check_sample, check_strokes
from hwsk._data.texts import check_texts
from hwsk.synthesis._density import StrokeDensity, Strokes, check_lengths, pad_references


class HandsMixin(StrokeDensity):
    """Describe hands by vectors, and check primes."""

    style_units: int
    styles_: NDArray[np.float32]

    @torch.inference_mode()
    def encode_style(self, X: Any) -> NDArray[np.float32]:
        """Describe the hands of lines, for `style` in :meth:`sample`.

        Parameters
        ----------
        X : list or object array of ndarray of shape (T, 3)
            Strokes in the units of `fit`. What they say is not needed.

        Returns
        -------
        styles : ndarray of shape (n_samples, style_units)
            Float32. Vectors of lines in one hand are alike; a mean of several describes their
            hand better, and what lies between two is a hand between them.

        Raises
        ------
        ValueError
            If the synthesizer was fitted without `style_units`, or strokes are not `(T, 3)`.
        """
        check_is_fitted(self)
        self._check_styled()
        sequences = [self._standardize(points) for points in check_strokes(X, "X")]
        module, device = self.net_.module_.eval(), self.net_.device
        like = torch.zeros(0, device=device, dtype=next(module.parameters()).dtype)
        styles = np.empty((len(sequences), self.style_units), np.float32)
        order = np.argsort([len(points) for points in sequences], kind="stable")
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            given = pad_references([sequences[row] for row in rows], like)
            vectors = module.encoder(given["reference"], given["reference_lengths"])
            styles[rows] = vectors.cpu().numpy()
        return styles

    def _check_styled(self) -> None:
        if not self.net_.module_.n_style:
            raise ValueError(
                "this synthesizer was fitted without style_units, and knows no vectors of hands; a "
                "prime shows it a hand"
            )

    def _mean_styles(
        self, sequences: list[Strokes], writers: list[Any] | None
    ) -> NDArray[np.float32]:
        if writers is None:
            return np.zeros((0, 0), np.float32)
        vectors = self.encode_style(sequences)
        names, row = np.unique(np.asarray(writers), return_inverse=True)
        return np.stack([vectors[row == i].mean(axis=0) for i in range(len(names))])

    def _styles(self, style: Any, n: int, n_samples: int) -> NDArray[np.float32] | None:
        """The vectors of hands of `n` lines."""
        if style is None:
            return None
        self._check_styled()
        if isinstance(style, int | np.integer):
            check_scalar(style, "style", Integral, min_val=0, max_val=len(self.styles_) - 1)
            style = self.styles_[style]
        vectors = np.asarray(style, np.float32)
        if vectors.ndim == 2:
            vectors = vectors.repeat(n_samples, axis=0)
        if vectors.shape not in ((self.style_units,), (n, self.style_units)):
            raise ValueError(
                f"style has shape {np.shape(style)}; it takes ({self.style_units},), or such a "
                f"vector for each of {n // n_samples} texts"
            )
        if not np.isfinite(vectors).all():
            raise ValueError("style has NaN or infinite values")
        return np.ascontiguousarray(np.broadcast_to(vectors, (n, self.style_units)))

    def _primes(self, prime: Any, n: int) -> list[tuple[Tensor | None, str]]:
        """For each line strokes on the network's scale and their text; None without a prime."""
        if prime is None:
            return [(None, "")] * n
        if isinstance(prime, tuple):
            return [self._prime(prime, "prime")] * n
        if not isinstance(prime, list) or len(prime) != n:
            what = f"a list of {len(prime)}" if isinstance(prime, list) else type(prime).__name__
            raise ValueError(
                f"prime is {what}; it is a pair (strokes, text), or a list of {n} such pairs, one "
                "for each text"
            )
        return [self._prime(pair, f"prime {row}") for row, pair in enumerate(prime)]

    def _prime(self, pair: Any, name: str) -> tuple[Tensor, str]:
        if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[1], str):
            raise ValueError(
                f"{name} has no text: it is a pair (strokes, text), what was written and what it "
                "says"
            )
        try:
            strokes = check_sample(pair[0], "strokes")
            check_lengths([strokes])
            (text,) = check_texts([pair[1]])
            if not text.strip():
                raise ValueError("its text is empty")
            self._one_hot(text)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        return torch.from_numpy(self._standardize(strokes)), text
