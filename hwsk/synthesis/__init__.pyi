from ._prediction import StrokePredictor as StrokePredictor
from ._synthesis import HandwritingSynthesizer as HandwritingSynthesizer
