from ._candidates import CandidateList as CandidateList
from ._comparators import LocalDescriptorMatching as LocalDescriptorMatching
from ._comparer import HandComparer as HandComparer
from ._comparison import HandComparison as HandComparison
from ._comparison import verbal_equivalent as verbal_equivalent
from ._histograms import DescriptorHistogram as DescriptorHistogram
from ._multitask import MultiTaskClassifier as MultiTaskClassifier
from ._siamese import SiameseVerifier as SiameseVerifier
