"""Normalize texts that can be written in several ways (`TextNormalizer`)."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils._tags import Tags

from hwsk._data.images import object_array
from hwsk._data.outputs import ObjectOutputMixin
from hwsk._data.texts import check_texts
from hwsk.recognition._spacing import detokenize

# Marks that stand apart wherever they are, but not between digits: 7:45, 1,000.
_MARK = re.compile(r'(?<!\d)[,;:]|[,;:](?!\d)|[!?()"]')
_FULL_STOP = re.compile(r"\.+(?=\s|$)")


class TextNormalizer(ObjectOutputMixin, TransformerMixin, BaseEstimator):
    """Bring texts into one form: Unicode, blanks, punctuation, case.

    Transcripts of several sources differ in what no reader sees: an accent as a character of its
    own or not, blanks around punctuation. Text that has the form already stays as it is.

    Parameters
    ----------
    form : {"NFC", "NFD", "NFKC", "NFKD"}, default="NFC"
        The Unicode normal form. The recognizers use NFC.
    punctuation : {"apart", "attached"}, default=None
        "apart" makes a word of each punctuation mark, as the transcripts of IAM have it ("one ,
        two ."), but for full stops within words, apostrophes, hyphens, and commas and colons
        between digits. "attached" undoes that ("one, two."), as :func:`detokenize` does. None
        leaves it.
    case : {"lower", "upper", "casefold"}, default=None
        Whether case goes; None keeps it.

    See Also
    --------
    hwsk.metrics.character_error_rate : Its `normalize` takes a function of a text.
    SpellingCorrector : Corrects words.
    detokenize : Attaches punctuation, in a single text.

    Notes
    -----
    Runs of white space become one blank, and none stands at the ends.

    Examples
    --------
    >>> from hwsk.recognition import TextNormalizer
    >>> TextNormalizer(punctuation="attached").fit_transform(['He said , "  yes " .'])
    array(['He said, "yes".'], dtype=object)
    """

    _gives = "texts"
    _native_data = "texts"
    _parameter_constraints: dict[str, list[Any]] = {
        "form": [StrOptions({"NFC", "NFD", "NFKC", "NFKD"})],
        "punctuation": [StrOptions({"apart", "attached"}), None],
        "case": [StrOptions({"lower", "upper", "casefold"}), None],
    }

    def __init__(
        self, form: str = "NFC", *, punctuation: str | None = None, case: str | None = None
    ) -> None:
        self.form = form
        self.punctuation = punctuation
        self.case = case

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> TextNormalizer:
        """Check the parameters and the texts; nothing is learnt.

        Parameters
        ----------
        X : array-like of str of shape (n_texts,)
            Texts.
        y : None
            Ignored.

        Returns
        -------
        self : TextNormalizer
            The normalizer.
        """
        check_texts(X)
        return self

    def transform(self, X: Any) -> NDArray[Any]:
        """Bring texts into the form.

        Parameters
        ----------
        X : array-like of str of shape (n_texts,)
            Texts.

        Returns
        -------
        texts : ndarray of object of shape (n_texts,)
            The texts.
        """
        self._validate_params()
        return object_array([self._normalize(text) for text in check_texts(X)])

    def _normalize(self, text: str) -> str:
        text = " ".join(text.split())
        if self.case is not None:
            text = getattr(text, self.case)()
        if self.punctuation == "apart":
            text = _FULL_STOP.sub(r" \g<0>", _MARK.sub(r" \g<0> ", text))
        elif self.punctuation == "attached":
            text = detokenize(text)
        # one of four literals, as `_parameter_constraints` has checked
        return unicodedata.normalize(self.form, " ".join(text.split()))  # type: ignore[arg-type]
