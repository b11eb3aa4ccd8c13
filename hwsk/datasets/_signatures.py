"""Load offline signatures with skilled forgeries: CEDAR (Latin), BHSig260 (Bengali, Hindi)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions, validate_params

from hwsk._data.images import object_array
from hwsk.datasets._data_home import (
    IMAGE_SUFFIXES,
    StrPath,
    find_parts,
    open_folder,
    walk_files,
    warn_left_out,
)
from hwsk.datasets._usable import keep_usable

_CEDAR_NAME = re.compile(r"(?P<kind>original|forgeries)_(?P<writer>\d+)_(?P<number>\d+)", re.I)
_CEDAR_LAYOUT = (
    "the folder or archive (.zip, .tgz; unpack a .rar first) of the CEDAR signatures with "
    "full_org/original_1_1.png and full_forg/forgeries_1_1.png"
)
_CEDAR_DESCR = """\
CEDAR signatures
{n_genuine} genuine signatures and {n_forged} skilled forgeries of {n_writers} writers, in Latin
script.
CEDAR, University at Buffalo; for research.
M. K. Kalera, S. Srihari and A. Xu, Offline signature verification and identification using distance
statistics, IJPRAI 18 (2004) 1339-1360.
"""
_BHSIG_NAME = re.compile(r"(?P<script>[BH])-S-(?P<writer>\d+)-(?P<kind>[GF])-(?P<number>\d+)", re.I)
_BHSIG_LAYOUT = (
    "the folder or archive (.zip, .tgz; unpack a .rar first) of BHSig260 with "
    "Bengali/001/B-S-1-G-01.tif, Hindi/001/H-S-1-F-01.tif and so on"
)
_BHSIG_DESCR = """\
BHSig260 signatures
{n_genuine} genuine signatures and {n_forged} skilled forgeries of {n_writers} writers, by script:
{scripts}. For research.
S. Pal, A. Alaei, U. Pal and M. Blumenstein, Performance of an off-line signature verification
method based on texture features on a large Indic-script signature dataset, DAS 2016, 72-77.
"""
_SCRIPTS = {"b": "Bengali", "h": "Hindi"}
# What the folders of copies are called whose files have lost their names.
_GENUINE = frozenset({"true", "genuine", "real", "org", "original", "originals", "full_org"})
_FORGED = frozenset(
    {"false", "forged", "forgery", "forgeries", "forge", "fake", "forg", "full_forg"}
)


class _Signature(NamedTuple):
    script: str
    writer: str
    forged: bool
    number: int  # of the sample, 0 where the name does not tell
    id: str


@validate_params(
    {
        "path": [str, os.PathLike],
        "as_arrays": ["boolean"],
        "on_error": [StrOptions({"warn", "raise"})],
        "data_home": [str, os.PathLike, None],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_cedar_signatures(
    path: StrPath,
    *,
    as_arrays: bool = False,
    on_error: str = "warn",
    data_home: StrPath | None = None,
    return_X_y: bool = False,
) -> Any:
    """Load the signatures and skilled forgeries of CEDAR from a folder you have.

    Parameters
    ----------
    path : str or path
        The folder, or an archive (``.zip``, ``.tgz``; unpack a ``.rar`` first), or the folder that
        holds ``signatures.tgz``. In it, at any depth, ``original_W_K.png`` (the genuine ones, in
        ``full_org``) and ``forgeries_W_K.png`` (in ``full_forg``), where W is the writer. Any image
        format, bit depth and colour; transparent pixels are paper.
    as_arrays : bool, default=False
        Whether to decode the images. Otherwise they are file paths, which every estimator takes.
    on_error : {"warn", "raise"}, default="warn"
        What to do about image files that can't be used. With "warn" they are left out and counted
        in one warning; with "raise", one error names all. Empty, cut short and foreign files
        are always found, damage inside where images are decoded.
    data_home : str or path, default=None
        Where archives are unpacked, once; see :func:`get_data_home`.
    return_X_y : bool, default=False
        Return ``(images, hand)`` only.

    Returns
    -------
    sklearn.utils.Bunch
        With the attributes, arrays of the same length, ordered by writer, genuine ones first:

        images
            File paths, or 2-D uint8 arrays (object array).
        writer
            Whose signature it is or pretends to be, such as ``"12"``: the groups of a split
            (object array).
        forged
            Whether it is a forgery (bool array).
        hand
            Who held the pen: of a genuine signature the writer; of a forgery, whose writer nobody
            knows, a name of its own, its id. So no pair with a forgery is by the same writer.
            What a verifier is given as `y` (object array).
        ids
            File names without suffix (object array).
        DESCR
            A description of the set (str).

    Raises
    ------
    FileNotFoundError
        If the folder is not there or holds no such image.
    ValueError
        If a signature is there twice or an archive is damaged; the message names the files.

    Warns
    -----
    UserWarning
        If there are images with other names, or such that can't be used: they are left out,
        counted.

    See Also
    --------
    load_bhsig260 : Signatures in Bengali and Hindi.
    make_signatures : Generated ones.

    Notes
    -----
    Genuine and forged signatures were scanned on different paper, and the tone of the background
    alone distinguishes them. Clean it before anything learns from them, and look at what a
    classifier of the background reaches.

    References
    ----------
    .. [1] M. K. Kalera, S. Srihari and A. Xu, "Offline signature verification and identification
       using distance statistics", IJPRAI 18, 2004, 1339-1360.

    Examples
    --------
    >>> from hwsk.datasets import load_cedar_signatures
    >>> signatures = load_cedar_signatures("cedar_signatures")  # doctest: +SKIP
    >>> signatures.writer[0], signatures.forged.mean()  # doctest: +SKIP
    ('1', 0.5)
    """
    folder = open_folder(path, data_home, _CEDAR_LAYOUT)
    parts = _open_archives(folder, ["signatures"], data_home)
    found = _find(parts, _parse_cedar, _CEDAR_LAYOUT)
    data = _as_bunch(found, _CEDAR_DESCR, as_arrays, on_error)
    del data["script"]
    return (data.images, data.hand) if return_X_y else data


@validate_params(
    {
        "path": [str, os.PathLike],
        "as_arrays": ["boolean"],
        "on_error": [StrOptions({"warn", "raise"})],
        "data_home": [str, os.PathLike, None],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_bhsig260(
    path: StrPath,
    *,
    as_arrays: bool = False,
    on_error: str = "warn",
    data_home: StrPath | None = None,
    return_X_y: bool = False,
) -> Any:
    """Load the Bengali and Hindi signatures of BHSig260 from a folder you have.

    Parameters
    ----------
    path : str or path
        The folder, or an archive (``.zip``, ``.tgz``; unpack a ``.rar`` first), or the folder that
        holds ``BHSig260*``, ``Bengali*`` or ``Hindi*`` archives. In it, at any depth,
        ``Bengali/001/B-S-1-G-01.tif`` (genuine) and ``Hindi/001/H-S-1-F-01.tif`` (forged), as
        published. Where the names are others, the folders must give, at any depth, in any order,
        the script by a name with ``Bengali`` or ``Hindi`` in it, the writer by a number, and which
        are genuine or forged by ``true``/``false``, ``genuine``/``forged`` or the like:
        ``Hindi/12/true/a.png``. Any image format, bit depth and colour.
    as_arrays : bool, default=False
        Whether to decode the images. Otherwise they are file paths, which every estimator takes.
    on_error : {"warn", "raise"}, default="warn"
        What to do about image files that can't be used. With "warn" they are left out and counted
        in one warning; with "raise", one error names all. Empty, cut short and foreign files
        are always found, damage inside where images are decoded.
    data_home : str or path, default=None
        Where archives are unpacked, once; see :func:`get_data_home`.
    return_X_y : bool, default=False
        Return ``(images, hand)`` only.

    Returns
    -------
    sklearn.utils.Bunch
        With the attributes, arrays of the same length, ordered by script and writer, genuine ones
        first:

        images
            File paths, or 2-D uint8 arrays (object array).
        writer
            Whose signature it is or pretends to be, such as ``"B-1"`` or ``"H-1"``, who are two
            persons: the groups of a split (object array).
        forged
            Whether it is a forgery (bool array).
        hand
            Who held the pen: of a genuine signature the writer; of a forgery, whose writer nobody
            knows, a name of its own, its id. So no pair with a forgery is by the same writer.
            What a verifier is given as `y` (object array).
        script
            ``"Bengali"`` or ``"Hindi"`` (object array).
        ids
            Names as published, such as ``"B-S-1-G-01"``; where there are none, the path within the
            folder, without suffix (object array).
        DESCR
            A description of the set (str).

    Raises
    ------
    FileNotFoundError
        If the folder is not there or holds no such image.
    ValueError
        If a signature is there twice, if the name of a file says genuine and its folder forged (or
        the reverse), or if an archive is damaged; the message names the files.

    Warns
    -----
    UserWarning
        If neither name nor folders of an image tell what it is: left out, counted.

    See Also
    --------
    load_cedar_signatures : Signatures in Latin script.
    make_signatures : Generated ones.

    Notes
    -----
    Where a file lies in a folder that is a number, this is the writer, whatever the file's name
    says: in the published set the files of one Hindi folder bear the number of the next.

    References
    ----------
    .. [1] S. Pal, A. Alaei, U. Pal and M. Blumenstein, "Performance of an off-line signature
       verification method based on texture features on a large Indic-script signature dataset",
       DAS 2016, 72-77.

    Examples
    --------
    >>> from hwsk.datasets import load_bhsig260
    >>> signatures = load_bhsig260("BHSig260")  # doctest: +SKIP
    >>> signatures.writer[0], signatures.script[0]  # doctest: +SKIP
    ('B-1', 'Bengali')
    """
    folder = open_folder(path, data_home, _BHSIG_LAYOUT)
    parts = _open_archives(folder, ["BHSig", *_SCRIPTS.values()], data_home)
    found = _find(parts, _parse_bhsig, _BHSIG_LAYOUT)
    data = _as_bunch(found, _BHSIG_DESCR, as_arrays, on_error)
    return (data.images, data.hand) if return_X_y else data


def _open_archives(folder: Path, names: Sequence[str], data_home: StrPath | None) -> list[Path]:
    """The folder itself if it has images, else what archives called so in it unpack to."""
    if any(True for _ in walk_files(folder, IMAGE_SUFFIXES)):
        return [folder]
    return [part for name in names for part in find_parts(folder, name, data_home)] or [folder]


def _find(
    parts: Sequence[Path], parse: Callable[[Path, Path], _Signature | None], layout: str
) -> list[tuple[_Signature, str]]:
    """The signatures and their files, ordered; images that are none are left out, counted."""
    found: dict[str, tuple[_Signature, str]] = {}
    others = []
    for part in parts:
        for file in walk_files(part, IMAGE_SUFFIXES):
            signature = parse(file, part)
            if signature is None:
                others.append(str(file.relative_to(part)))
            elif signature.id in found:
                raise ValueError(
                    f"{file} and {found[signature.id][1]} are both {signature.id} (two copies of "
                    "the set?); pass the folder of one"
                )
            else:
                found[signature.id] = signature, str(file)
    if not found:
        where = ", ".join(map(str, parts))
        held = f"it holds {len(others)} other images, such as {others[0]}" if others else "no image"
        raise FileNotFoundError(f"no signature in {where}: {held}; expected {layout}")
    warn_left_out("image", f"that no signature of this set is called like, in {parts[0]}", others)
    return sorted(found.values(), key=lambda item: _order(item[0]))


def _order(signature: _Signature) -> tuple[str, int, bool, int, str]:
    number = int(re.sub(r"\D", "", signature.writer))
    return signature.script, number, signature.forged, signature.number, signature.id


def _parse_cedar(file: Path, part: Path) -> _Signature | None:
    if (match := _CEDAR_NAME.fullmatch(file.stem)) is None:
        return None
    forged = match["kind"].lower() == "forgeries"
    return _Signature("", str(int(match["writer"])), forged, int(match["number"]), file.stem)


def _parse_bhsig(file: Path, part: Path) -> _Signature | None:
    """Parse script, writer and kind from name and folders, the innermost folder first."""
    folders = [part.name, *file.relative_to(part).parts[:-1]][::-1]
    script = next((s for s in map(_script_of, folders) if s), "")
    forged = next((f for f in map(_forged_of, folders) if f is not None), None)
    writer = next((int(name) for name in folders if name.isdecimal()), None)
    match = _BHSIG_NAME.fullmatch(file.stem)
    if match is None:
        if not script or forged is None or writer is None:
            return None
        name = file.relative_to(part).with_suffix("").as_posix()
        return _Signature(script, f"{script[0]}-{writer}", forged, 0, name)
    by_name = _SCRIPTS[match["script"].lower()], match["kind"].upper() == "F"
    if script not in ("", by_name[0]) or forged not in (None, by_name[1]):
        raise ValueError(
            f"{file}: by its name it is {_describe(*by_name)}, by its folders "
            f"{_describe(script or by_name[0], by_name[1] if forged is None else forged)}"
        )
    letter, number = by_name[0][0], int(match["number"])
    writer = int(match["writer"]) if writer is None else writer
    name = f"{letter}-S-{writer}-{match['kind'].upper()}-{number:02d}"
    return _Signature(by_name[0], f"{letter}-{writer}", by_name[1], number, name)


def _script_of(folder: str) -> str:
    scripts = [script for script in _SCRIPTS.values() if script.lower() in folder.lower()]
    return scripts[0] if len(scripts) == 1 else ""  # none of "bhsig260-hindi-bengali"


def _forged_of(folder: str) -> bool | None:
    name = folder.lower()
    return name in _FORGED if name in _FORGED | _GENUINE else None


def _describe(script: str, forged: bool) -> str:
    return f"a {'forged' if forged else 'genuine'} {script} signature"


def _as_bunch(
    found: Sequence[tuple[_Signature, str]], descr: str, as_arrays: bool, on_error: str
) -> Bunch:
    signatures, images = keep_usable(
        [signature for signature, _ in found], [file for _, file in found], as_arrays, on_error
    )
    forged = np.array([signature.forged for signature in signatures])
    scripts = [signature.script for signature in signatures]
    writers = [signature.writer for signature in signatures]
    return Bunch(
        images=object_array(images),
        writer=object_array(writers),
        forged=forged,
        hand=object_array([s.id if s.forged else s.writer for s in signatures]),
        script=object_array(scripts),
        ids=object_array([signature.id for signature in signatures]),
        DESCR=descr.format(
            n_genuine=int((~forged).sum()),
            n_forged=int(forged.sum()),
            n_writers=len(set(writers)),
            scripts=", ".join(f"{scripts.count(s)} {s}" for s in sorted(set(scripts))),
        ),
    )
