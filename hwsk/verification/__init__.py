"""Verify writers and signatures: were two samples written by the same writer, and why?"""

from typing import TYPE_CHECKING

from hwsk._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "_siamese": ["SiameseVerifier"],
        "_comparators": ["LocalDescriptorMatching"],
        "_histograms": ["DescriptorHistogram"],
        "_multitask": ["MultiTaskClassifier"],
        "_comparer": ["HandComparer"],
        "_comparison": ["HandComparison", "verbal_equivalent"],
    },
)

if TYPE_CHECKING:  # the same names, for editors and type checkers
    from hwsk.verification._comparators import LocalDescriptorMatching as LocalDescriptorMatching
    from hwsk.verification._comparer import HandComparer as HandComparer
    from hwsk.verification._comparison import HandComparison as HandComparison
    from hwsk.verification._comparison import verbal_equivalent as verbal_equivalent
    from hwsk.verification._histograms import DescriptorHistogram as DescriptorHistogram
    from hwsk.verification._multitask import MultiTaskClassifier as MultiTaskClassifier
    from hwsk.verification._siamese import SiameseVerifier as SiameseVerifier
