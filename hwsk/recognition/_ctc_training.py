"""Train a network with a CTC output: its alphabet, its targets and its validation score."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from sklearn.exceptions import ConvergenceWarning

from hwsk._data.images import object_array
from hwsk._data.texts import base_letter
from hwsk._warn import warn_caller
from hwsk._wording import count
from hwsk.recognition._ctc_prediction import CTCPredictor
from hwsk.recognition._decoding import greedy_decode


class CTCTraining(CTCPredictor):
    """Learn an alphabet, and go on from a network that knows a part of it."""

    def _learn_alphabet(self, texts: Sequence[str], further: bool) -> None:
        characters = sorted({character for text in texts for character in text})
        if further:
            self.alphabet_ += "".join(c for c in characters if c not in self.alphabet_)
        else:
            self.alphabet_ = "".join(characters)
            self.confidence_ = 0.0  # not known yet
        self.temperature_ = 1.0
        self.__dict__.pop("calibrated_with_", None)

    def _make_targets(self, texts: Sequence[str]) -> NDArray[np.object_]:
        """The classes of the characters of each text, in the order of time steps."""
        classes = {character: i + 1 for i, character in enumerate(self.alphabet_)}
        return object_array([np.array([classes[c] for c in text[:: self._step]]) for text in texts])

    def _module_to_train_further(self) -> torch.nn.Module:
        """The fitted weights, with new classes where the alphabet has grown."""
        module = self._make_module()
        new, former = module.state_dict(), self.net_.module_.state_dict()
        absent = torch.empty(0)
        for name in former | new:
            before, now = former.get(name, absent), new.get(name, absent)
            grows = name.startswith(("head.", "shortcut."))
            if now.shape[grows:] != before.shape[grows:]:
                raise ValueError(
                    f"training goes on from a network of another architecture: {name} has shape "
                    f"{tuple(before.shape)}, now {tuple(now.shape)}; set warm_start=False or "
                    "take the former parameters"
                )
            (now[: len(before)] if grows else now).copy_(before)
            if grows:
                self._begin_like_base_letters(now, len(before))
        return module

    def _begin_like_base_letters(self, weights: torch.Tensor, n_known: int) -> None:
        """Let a new "é" begin with the weights of "e": their difference is left to learn."""
        for row in range(n_known, len(weights)):
            known = self.alphabet_.find(base_letter(self.alphabet_[row - 1]), 0, n_known - 1)
            if known >= 0:
                weights[row] = weights[known + 1]

    def _score_batch(self, output: Any, target: Any) -> tuple[float, float]:
        log_probs, lengths, _ = output
        references = np.split(target[0].numpy(), np.cumsum(target[1].numpy())[:-1])
        read = greedy_decode(log_probs, lengths)
        pairs = zip(references, read, strict=True)
        edits = sum(Levenshtein.distance(a.tolist(), b.tolist()) for a, b in pairs)
        return edits, len(target[0])

    def _warn_if_blank(self, inputs: Any) -> None:
        """Look at what is read in the first training samples, and keep its confidence."""
        if self.history_ and not np.isfinite(self.history_[-1]["train_loss"]):
            return  # reported already, and more training would not help
        found = self._confidences(inputs[: 2 * self.batch_size])
        self.confidence_ = float(found[:, 0].mean())
        if not found[:, 1].any():
            warn_caller(
                f"after {count(self.n_iter_, 'epoch')} the recognizer reads nothing at all in its "
                "own training samples (CTC's blank everywhere, as at the start of training); "
                "train longer (max_epochs), or on more data; if it could read before, lower lr "
                f"(now {self.lr})",
                ConvergenceWarning,
            )


def count_steps(texts: Sequence[str]) -> NDArray[np.int64]:
    """Count the time steps that CTC needs: one a character, one more between equal neighbours."""
    return np.array([len(text) + sum(a == b for a, b in pairwise(text)) for text in texts])
