"""Read and write pages of handwriting: lines and text, page images, archives' file formats."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
