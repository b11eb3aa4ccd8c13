"""Write texts on sheets of paper, and save handwriting as SVG, PNG, GIF and InkML."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
