"""Transform and augment images and pen strokes."""

from typing import TYPE_CHECKING

from hwsk._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "_images": [
            "Grayscale",
            "Binarizer",
            "Deskewer",
            "Deslanter",
            "HeightNormalizer",
            "InkCropper",
            "CharacterNormalizer",
        ],
        "_line_cleaner": ["LineCleaner"],
        "_line_normalizer": ["LineNormalizer"],
        "_pages": [
            "IlluminationNormalizer",
            "PageOrienter",
            "RuledLineRemover",
            "ScanEdgeRemover",
        ],
        "_signatures": ["SignatureNormalizer"],
        "_stroke_drawing": ["StrokeRasterizer"],
        "_stroke_slant": ["StrokeDeskewer", "StrokeDeslanter", "rotate_strokes", "shear_strokes"],
        "_strokes": ["StrokeNormalizer", "StrokeDenoiser", "StrokeResampler", "JumpCapper"],
        "_unusable": ["SkipUnusable"],
    },
    ["augmentation"],
)

if TYPE_CHECKING:  # the same names, for editors and type checkers
    from hwsk.preprocessing import augmentation as augmentation
    from hwsk.preprocessing._images import Binarizer as Binarizer
    from hwsk.preprocessing._images import CharacterNormalizer as CharacterNormalizer
    from hwsk.preprocessing._images import Deskewer as Deskewer
    from hwsk.preprocessing._images import Deslanter as Deslanter
    from hwsk.preprocessing._images import Grayscale as Grayscale
    from hwsk.preprocessing._images import HeightNormalizer as HeightNormalizer
    from hwsk.preprocessing._images import InkCropper as InkCropper
    from hwsk.preprocessing._line_cleaner import LineCleaner as LineCleaner
    from hwsk.preprocessing._line_normalizer import LineNormalizer as LineNormalizer
    from hwsk.preprocessing._pages import IlluminationNormalizer as IlluminationNormalizer
    from hwsk.preprocessing._pages import PageOrienter as PageOrienter
    from hwsk.preprocessing._pages import RuledLineRemover as RuledLineRemover
    from hwsk.preprocessing._pages import ScanEdgeRemover as ScanEdgeRemover
    from hwsk.preprocessing._signatures import SignatureNormalizer as SignatureNormalizer
    from hwsk.preprocessing._stroke_drawing import StrokeRasterizer as StrokeRasterizer
    from hwsk.preprocessing._stroke_slant import StrokeDeskewer as StrokeDeskewer
    from hwsk.preprocessing._stroke_slant import StrokeDeslanter as StrokeDeslanter
    from hwsk.preprocessing._stroke_slant import rotate_strokes as rotate_strokes
    from hwsk.preprocessing._stroke_slant import shear_strokes as shear_strokes
    from hwsk.preprocessing._strokes import JumpCapper as JumpCapper
    from hwsk.preprocessing._strokes import StrokeDenoiser as StrokeDenoiser
    from hwsk.preprocessing._strokes import StrokeNormalizer as StrokeNormalizer
    from hwsk.preprocessing._strokes import StrokeResampler as StrokeResampler
    from hwsk.preprocessing._unusable import SkipUnusable as SkipUnusable
