from ._descriptors import LocalDescriptors as LocalDescriptors
from ._embedding import WriterEmbedder as WriterEmbedder
from ._vlad import VLADEncoder as VLADEncoder
from ._writers import LeakageWarning as LeakageWarning
from ._writers import WriterClassifier as WriterClassifier
