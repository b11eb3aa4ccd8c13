"""List, find and check the pretrained models."""

from typing import TYPE_CHECKING

from hwsk._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "_registry": ["list_models"],
        "_files": ["get_model", "verify_models"],
    },
)

if TYPE_CHECKING:  # the same names, for editors and type checkers
    from hwsk.models._files import get_model as get_model
    from hwsk.models._files import verify_models as verify_models
    from hwsk.models._registry import list_models as list_models
