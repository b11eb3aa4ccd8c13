"""Identify, retrieve and compare writers."""

from typing import TYPE_CHECKING

from hwsk._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "_writers": ["LeakageWarning", "WriterClassifier"],
        "_embedding": ["WriterEmbedder"],
        "_vlad": ["LocalDescriptors", "VLADEncoder"],
    },
)

if TYPE_CHECKING:  # the same names, for editors and type checkers
    from hwsk.identification._embedding import WriterEmbedder as WriterEmbedder
    from hwsk.identification._vlad import LocalDescriptors as LocalDescriptors
    from hwsk.identification._vlad import VLADEncoder as VLADEncoder
    from hwsk.identification._writers import LeakageWarning as LeakageWarning
    from hwsk.identification._writers import WriterClassifier as WriterClassifier
