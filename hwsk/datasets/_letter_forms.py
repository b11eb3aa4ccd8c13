"""Define single-stroke letter forms: from the Hershey fonts, and a few of our own.

The frame: y downwards, baseline at 0, x-height at -1, top of capitals and ascenders at -2, bottom
of descenders at 1. `make_handwriting` gives each writer a choice among them.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np
from HersheyFonts import HersheyFonts
from numpy.typing import NDArray

Points = NDArray[np.float64]


@dataclass(frozen=True)
class LetterForm:
    """One way to write a character.

    Parameters
    ----------
    body : tuple of ndarray of shape (T, 2)
        Strokes written first; the last end and the first start may be joined to other letters.
    marks : tuple of ndarray of shape (T, 2)
        Strokes set afterwards: dots, bars, accents.
    script : bool
        Whether it is a form of joined writing, with a stroke that leads in and one that leads out.
    """

    body: tuple[Points, ...]
    marks: tuple[Points, ...] = ()
    script: bool = False


# How the strokes of a font's letter are put together: numbers in writing order, "r" for reversed,
# "/" where the pen is lifted, "|" before the marks. Between the others the pen stays down and goes
# back over ink. A letter not named is written as the font has it, the pen lifted between strokes.
_ROMAN = {
    "a": "1 0", "b": "0 1", "d": "1 0", "f": "0|1", "g": "1 0", "h": "0 1", "i": "1|0", "j": "1|0",
    "k": "0/1 2", "m": "0 1 2", "n": "0 1", "p": "0 1", "q": "1 0", "r": "0 1", "t": "0|1",
    "u": "0 1", "v": "0 1r", "w": "0 1r 2 3r", "x": "0|1", "y": "0 1", "z": "1 0 2",
}  # fmt: skip
_SCRIPT = {
    "d": "0 1", "g": "0 1", "h": "0 1", "i": "1|0", "j": "1|0", "k": "0 1 2", "m": "0 1 2",
    "n": "0 1", "p": "0 1 2", "q": "0 1", "s": "0 1", "t": "0 1|2", "u": "0 1", "v": "0 1",
    "w": "0 1 2", "x": "0|1", "y": "0 1",
}  # fmt: skip
# Latin letters that some people write as Greek ones: where the font keeps them, and how.
_GREEK = {
    "a": ("a", "0r 1"), "d": ("d", "0"), "e": ("e", "0 1"), "v": ("m", "0 1r"), "w": ("x", "0 1r"),
    "x": ("v", "0|1"),
}  # fmt: skip

# Set on the baseline in one font, above it in the other.
_PUNCTUATION = ".,:;!?'\""

# Forms of our own, in the units of the Hershey fonts: baseline 9, x-height -5, capitals -12,
# descenders 16. Strokes are parted by "/", marks by "|".
_OWN = {
    "a": ["-4,-3 -1,-5 3,-5 5,-2 5,9 5,1 1,0 -3,1 -5,4 -4,8 -1,9 3,8 5,6"],
    "b": ["-5,-12 -5,5 -3,8 0,9 4,8 6,4 5,0 1,-2 -4,1"],
    "d": ["5,-4 1,-5 -3,-4 -6,0 -6,5 -3,9 1,9 4,6 5,-12 5,5 6,8 8,9"],
    "e": [
        "-5,3 5,0 6,-2 4,-5 -1,-5 -5,-2 -6,3 -4,7 1,9 6,6",
        "-4,2 2,1 5,-2 2,-5 -3,-4 -5,1 -4,7 0,9 6,7",
        "-7,4 -1,3 5,0 5,-3 2,-5 -3,-4 -5,0 -4,6 0,9 6,7",
    ],
    "f": [
        "6,-10 4,-12 2,-11 0,-6 0,12 -1,15 -4,16 | -4,-4 5,-4",
        "-4,3 1,-1 4,-7 4,-11 2,-12 0,-9 0,10 1,14 2,11 2,5 7,2",
    ],
    "g": ["5,-3 1,-5 -3,-4 -5,-1 -4,3 0,4 4,2 5,-3 6,9 4,14 0,16 -4,15 -6,12"],
    "k": ["-4,-12 -4,9 / 5,-5 -4,3 0,2 6,9", "-4,-12 -4,9 -4,3 0,-3 4,-3 4,0 -2,3 5,9"],
    "l": ["0,-12 0,6 1,8 4,9", "-3,5 3,-4 4,-10 2,-12 0,-10 -1,4 1,8 3,9 6,7"],
    "p": ["-5,-5 -5,16 -5,1 -3,-4 1,-5 5,-2 5,4 2,8 -2,8 -5,5"],
    "q": ["5,-3 1,-5 -3,-4 -6,1 -5,6 -2,9 2,7 5,2 5,-4 5,16 8,12"],
    "r": ["-4,-5 -4,9 -4,0 -1,-4 3,-5 5,-3", "-5,-3 -2,-5 -1,0 -2,9 -2,2 1,-4 5,-5"],
    "s": ["5,-4 1,-6 -3,-4 -3,-1 3,2 5,5 3,9 -1,10 -5,8"],
    "t": [
        "0,-11 0,9 | -4,-4 5,-4",
        "0,-11 -1,5 1,9 4,8 | -5,-5 5,-6",
        "0,-10 -1,6 1,9 5,7 3,-3 -5,-3",
    ],
    "w": ["-8,-5 -7,5 -5,9 -2,6 0,-3 1,6 4,9 7,5 8,-5", "-9,-5 -4,9 0,-5 4,9 9,-5"],
    "y": [
        "-5,-5 -5,2 -2,5 2,4 5,0 5,-5 5,10 3,15 -1,16 -5,13",
        "-6,-5 -1,6 / 6,-5 -1,8 -6,16",
    ],
    "z": ["-5,-5 5,-5 -5,9 6,9 | -3,2 4,2", "-5,-4 1,-5 4,-3 1,1 -2,2 2,3 3,8 1,14 -3,16 -6,13"],
    "A": ["-7,9 -6,-6 -2,-12 3,-11 6,-6 7,9 | -7,1 7,1", "-8,9 0,-12 8,9 -5,2 7,1"],
    "B": ["-6,-12 -6,9 -6,-12 2,-12 5,-8 3,-4 -5,-2 3,-1 6,4 3,8 -7,9"],
    "D": ["-5,-12 -5,9 -7,-12 1,-12 7,-7 8,0 4,7 -7,9"],
    "E": ["6,-11 0,-12 -5,-9 -3,-3 1,-2 -4,-1 -7,4 -4,8 1,9 6,7",
          "6,-12 -5,-12 -5,9 6,9 / -5,-2 4,-2"],
    "F": ["-5,-12 -5,9 / -8,-12 7,-13 | -5,-2 4,-3"],
    "G": ["6,-10 2,-12 -3,-11 -7,-5 -7,3 -3,8 3,8 6,4 6,-1 1,-1 7,-1 6,9"],
    "H": ["-6,-12 -6,9 / 6,-12 6,9 / -6,-1 6,-2", "-7,-12 -6,9 -6,-2 6,-3 7,-12 6,9"],
    "I": ["0,-12 0,9 / -4,-12 5,-12 / -5,9 5,9", "-3,-10 3,-12 1,8 -4,9"],
    "J": ["1,-12 1,6 -1,9 -5,9 -7,6 / -5,-12 6,-12", "0,-12 0,13 -3,16 -6,14"],
    "M": ["-8,9 -7,-12 0,3 7,-12 8,9", "-9,9 -7,-7 -4,-12 -1,-7 0,5 2,-8 5,-12 8,-6 9,9"],
    "N": ["-6,9 -6,-12 6,9 7,-12"],
    "P": ["-5,9 -5,-12 2,-12 6,-9 5,-4 1,-2 -5,-1"],
    "R": ["-5,9 -5,-12 2,-12 6,-9 5,-4 -5,-1 7,9"],
    "S": ["6,-10 1,-13 -4,-11 -5,-6 4,0 6,5 3,9 -3,10 -7,6"],
    "T": ["-7,-12 8,-12 / 1,-12 1,9", "-8,-10 -5,-13 7,-12 / 1,-12 0,7 -3,9"],
    "W": ["-9,-12 -6,7 -4,9 -2,6 0,-5 2,6 4,9 6,6 9,-12"],
    "Y": ["-7,-12 -5,-4 -1,-2 4,-4 6,-12 5,9"],
    "1": ["0,-12 0,9", "-4,-7 0,-12 0,9"],
    "2": ["-5,-9 -2,-12 3,-12 5,-8 3,-2 -4,7 -5,5 -1,7 6,9"],
    "4": ["-2,-12 -6,2 6,1 / 3,-5 2,9"],
    "7": ["-6,-12 6,-12 -1,9 | -3,-2 5,-2"],
    "8": ["4,-9 0,-12 -4,-9 -2,-4 4,2 4,7 0,9 -4,6 -3,1 3,-5 4,-9"],
    "9": ["5,-8 1,-12 -4,-9 -4,-4 0,-2 4,-5 5,-9 3,9"],
    "&": ["5,-6 2,-6 -2,-3 1,0 -4,3 -3,8 2,9 6,5 | 1,-9 1,12"],
    "£": [
        "7,-9 2,-12 -2,-9 -2,9 -7,9 8,9 | -8,-1 4,-1",
        "8,-8 7,-11 3,-12 -1,-11 -2,-7 0,0 -1,5 -6,9 9,9 9,7 | -7,-1 5,-1",
    ],
    "€": ["6,-9 1,-12 -3,-5 -3,3 1,9 6,6 | -6,-4 2,-4 | -6,1 1,1"],
}  # fmt: skip

_ACCENTS = {
    "\u0300": "-3,-3 2,2", "\u0301": "3,-3 -2,2", "\u0302": "-4,2 0,-3 4,2",
    "\u0303": "-5,1 -2,-2 2,1 5,-2", "\u0304": "-5,0 5,0", "\u0306": "-4,-2 0,1 4,-2",
    "\u0308": "-3,-1 -3,1 / 3,-1 3,1", "\u030a": "0,-3 -3,0 0,3 3,0 0,-3",
    "\u030c": "-4,-2 0,3 4,-2", "\u0327": "0,0 3,3 1,6 -3,5",
}  # fmt: skip
_CEDILLA = "\u0327"
_PLAIN = str.maketrans("\u2018\u2019\u201c\u201d\u2013\u2014", "''\"\"--")  # quotes, dashes


@cache
def letter_forms(character: str) -> tuple[LetterForm, ...]:
    """All forms of a character, none where it can't be written.

    An accented letter has the forms of its letter, with the accent set on.
    """
    base, *accents = list(unicodedata.normalize("NFD", character.translate(_PLAIN)))
    is_in_font = " " < base <= "~"
    if not (is_in_font or base in _OWN) or not set(accents) <= set(_ACCENTS):
        return ()
    roman = "rowmans" if base in _PUNCTUATION else "futural"
    forms = [_font_form(roman, base, _ROMAN.get(base, ""), base)] if is_in_font else []
    if base.isalpha():
        forms.append(_font_form("scripts", base, _SCRIPT.get(base, ""), base))
    if base in _GREEK:
        forms.append(_font_form("greeks", *_GREEK[base], name=base))
    forms += [_own_form(drawing, base) for drawing in _OWN.get(base, ())]
    return tuple(_accented(form, accents, base) for form in forms) if accents else tuple(forms)


@cache
def _font(name: str) -> dict[str, list[Points]]:
    font = HersheyFonts()
    font.load_default_font(name)
    return {
        character: [np.array(list(stroke), np.float64) for stroke in glyph.strokes]
        for character, glyph in font.all_glyphs.items()
    }


def _font_form(font: str, glyph: str, order: str, name: str) -> LetterForm:
    """The form that a font has for `glyph`, its strokes put in `order`; it stands for `name`."""
    strokes = _font(font)[glyph]
    order = order or "/".join(map(str, range(len(strokes))))
    parts = [
        [
            np.concatenate(
                [strokes[int(step[0])][:: -1 if step.endswith("r") else 1] for step in run.split()]
            )
            for run in part.split("/")
        ]
        for part in order.split("|")
    ]
    return _framed(parts, name, script=font == "scripts")


def _own_form(drawing: str, name: str) -> LetterForm:
    return _framed([_parse(part) for part in drawing.split("|")], name, script=False)


def _parse(drawing: str) -> list[Points]:
    return [
        np.array([point.split(",") for point in stroke.split()], np.float64)
        for stroke in drawing.split("/")
    ]


def _framed(parts: list[list[Points]], name: str, *, script: bool) -> LetterForm:
    body, *marks = [tuple(_in_frame(stroke, name, script) for stroke in part) for part in parts]
    return LetterForm(body, sum(marks, ()), script)


def _in_frame(stroke: Points, name: str, script: bool) -> Points:
    """From the units of the font to the frame of this module, upright."""
    x, y = stroke[:, 0], stroke[:, 1] - 9
    if script:
        x = x + 0.3 * y
    if not name.islower():
        return np.column_stack([x, y]) / 10.5
    x_height, outer = (9, 12) if script else (14, 7)
    x = x / (11 if script else 14)
    y = np.interp(y, [-x_height - outer, -x_height, 0, outer], [-2, -1, 0, 1])
    return np.column_stack([x, y])


def _accented(form: LetterForm, accents: list[str], base: str) -> LetterForm:
    marks = () if base in "ij" else form.marks
    letter = np.concatenate(form.body)
    middle = (letter[:, 0].min() + letter[:, 0].max()) / 2
    top = letter[:, 1].min() - 0.4
    for accent in accents:
        at = (middle, 0.0 if accent == _CEDILLA else top)
        marks += tuple(stroke / 14 + at for stroke in _parse(_ACCENTS[accent]))
        top -= 0.0 if accent == _CEDILLA else 0.5
    return LetterForm(form.body, marks, form.script)
