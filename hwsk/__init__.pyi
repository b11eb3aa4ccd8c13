from . import callbacks as callbacks
from . import datasets as datasets
from . import documents as documents
from . import identification as identification
from . import metrics as metrics
from . import model_selection as model_selection
from . import models as models
from . import plotting as plotting
from . import preprocessing as preprocessing
from . import recognition as recognition
from . import representation as representation
from . import synthesis as synthesis
from . import utils as utils
from . import verification as verification
from . import writing as writing
from .identification import WriterClassifier as WriterClassifier
from .persistence import load as load
from .persistence import save as save
from .recognition import CharacterClassifier as CharacterClassifier
from .recognition import CTCRecognizer as CTCRecognizer
from .representation import VariationalAutoencoder as VariationalAutoencoder
from .synthesis import HandwritingSynthesizer as HandwritingSynthesizer
from .synthesis import StrokePredictor as StrokePredictor
from .verification import HandComparer as HandComparer
from .verification import MultiTaskClassifier as MultiTaskClassifier
from .verification import SiameseVerifier as SiameseVerifier

__version__: str
