"""Generate (`make_*`), load (`load_*`) and download (`fetch_*`) handwriting."""

from typing import TYPE_CHECKING

from hwsk._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "_handwriting": ["make_handwriting"],
        "_made_signatures": ["make_signatures"],
        "_iam": ["load_iam"],
        "_iam_online": ["load_iam_online"],
        "_lines": ["load_lines"],
        "_pages": ["load_pages"],
        "_iam_pages": ["load_iam_pages"],
        "_emnist": ["load_emnist", "fetch_emnist"],
        "_mnist": ["load_mnist"],
        "_writers": ["top_writers"],
        "_cedar_and": ["load_cedar_and"],
        "_signatures": ["load_bhsig260", "load_cedar_signatures"],
        "_sketches": ["load_sketches"],
        "_stroke_files": ["load_strokes"],
        "_data_home": ["clear_data_home", "get_data_home"],
    },
)

if TYPE_CHECKING:  # the same names, for editors and type checkers
    from hwsk.datasets._cedar_and import load_cedar_and as load_cedar_and
    from hwsk.datasets._data_home import clear_data_home as clear_data_home
    from hwsk.datasets._data_home import get_data_home as get_data_home
    from hwsk.datasets._emnist import fetch_emnist as fetch_emnist
    from hwsk.datasets._emnist import load_emnist as load_emnist
    from hwsk.datasets._handwriting import make_handwriting as make_handwriting
    from hwsk.datasets._iam import load_iam as load_iam
    from hwsk.datasets._iam_online import load_iam_online as load_iam_online
    from hwsk.datasets._iam_pages import load_iam_pages as load_iam_pages
    from hwsk.datasets._lines import load_lines as load_lines
    from hwsk.datasets._made_signatures import make_signatures as make_signatures
    from hwsk.datasets._mnist import load_mnist as load_mnist
    from hwsk.datasets._pages import load_pages as load_pages
    from hwsk.datasets._signatures import load_bhsig260 as load_bhsig260
    from hwsk.datasets._signatures import load_cedar_signatures as load_cedar_signatures
    from hwsk.datasets._sketches import load_sketches as load_sketches
    from hwsk.datasets._stroke_files import load_strokes as load_strokes
    from hwsk.datasets._writers import top_writers as top_writers
