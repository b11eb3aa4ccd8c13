from ._files import get_model as get_model
from ._files import verify_models as verify_models
from ._registry import list_models as list_models
