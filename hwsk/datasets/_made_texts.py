"""Make texts to write: words and sentences spelt with the characters of an alphabet."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from hwsk.datasets._letter_forms import letter_forms

_WORDS = """
I the of and a to in is was he for it with as his on be at by had not are but from or have an they
which one you were her all she there would their we him been has when who will more no if out so
said what up its about into than them can only other new some could time these two may then do
first any my now such like our over man me even most made after also did many before must through
back years where much your way well down should because each just those people how too little
state good very make world still own see men work long here get both between life being under
never day same another know while last might us great old year off come since against go came
right used take three house hand quick box journey zero quiet xylophone just lazy jump vex prize
it's don't can't I'm o'clock Anna London Monday Mrs.
"""
_SENTENCES = """
The kettle was already cold.|We walked home along the river.|Please send the keys by Friday.
Nobody knew where the cat had gone.|It rained for three days.|She kept every letter he wrote.
A quick answer is not always right.|My brother plays the violin.|The train leaves at 7:45.
Are you coming with us?|He paid 12 pounds for the lamp.|What a lovely morning!
They moved to the coast in 1936.|"No," she said, "not today."|Zoe fixed the old clock.
Five boxes of jam, please.|I can't remember his name.|Dear Anna, thank you for the book.
Turn left after the bridge.|Six wizards vexed a judge.|There were 28 people in the room.
The last page was missing.|Open the window, it's warm.|Mr. Quill lives next door.
Keep this in a dry place.|Her garden is full of roses.|You may leave now; we are done.
His uncle (a sailor) knew better.|A half-empty glass stood there.|Why not try again?
"""


def check_texts(texts: Iterable[Any], alphabet: str | None) -> list[str]:
    given = []
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"texts[{row}] is {text!r} ({type(text).__name__}); texts are str")
        if not text.strip():
            raise ValueError(f"texts[{row}] is {text!r}; there is nothing to write")
        given.append(unicodedata.normalize("NFC", text))
    if not given:
        raise ValueError("texts is empty; give one text or more, or None for the built-in ones")
    check_characters(given, "texts")
    if alphabet is not None:
        allowed = {*unicodedata.normalize("NFC", alphabet), " "}
        for row, text in enumerate(given):
            if foreign := sorted(set(text) - allowed):
                raise ValueError(f"texts[{row}] holds {foreign[0]!r}, which is not in alphabet")
    return given


def check_characters(texts: Sequence[str], name: str) -> None:
    for row, text in enumerate(texts):
        for character in unicodedata.normalize("NFC", text):
            if character != " " and not letter_forms(character):
                where = name if name == "alphabet" else f"{name}[{row}]"
                raise ValueError(
                    f"{where} holds {character!r}, which has no letter form; there are "
                    "forms of printable ASCII, £ and €, accented Latin letters, and curly quotes "
                    "and dashes"
                )


class TextMaker:
    """Built-in texts, spelt with the characters of an alphabet."""

    def __init__(self, level: str, alphabet: str | None) -> None:
        self._level = level
        self._alphabet = None if alphabet is None else set(unicodedata.normalize("NFC", alphabet))
        if alphabet is not None and not alphabet.strip():
            raise ValueError(f"alphabet is {alphabet!r}; give one character or more to write")
        self._words = [word for word in _WORDS.split() if self._spells(word)]
        sentences = _SENTENCES.strip().replace("\n", "|").split("|")
        self._sentences = [text for text in sentences if self._spells(text)]
        self._letters = sorted((self._alphabet or set()) - {" "})

    def __call__(self, rng: np.random.Generator) -> str:
        if self._level == "word":
            return self._word(rng)
        if self._sentences and rng.random() < 0.3:
            return self._sentences[rng.integers(len(self._sentences))]
        length, words = rng.integers(25, 50), [self._word(rng)]
        while sum(map(len, words)) + len(words) < length:
            words.append(self._word(rng))
        return " ".join(words) if self._spells(" ") else words[0]

    def _spells(self, text: str) -> bool:
        return self._alphabet is None or self._alphabet.issuperset(text)

    def _word(self, rng: np.random.Generator) -> str:
        """A word, perhaps with a capital or punctuation, or a number."""
        if len(self._words) < 10:
            picks = rng.integers(len(self._letters), size=rng.integers(1, 9))
            return "".join(self._letters[pick] for pick in picks)
        word = self._words[rng.integers(len(self._words))]
        number = str(rng.integers(10 ** rng.integers(1, 5)))
        mark = ",,,,,....;:!?-"[rng.integers(14)]
        quotes = ('"{}"', "({})", "'{}'")[rng.integers(3)]
        for changed, probability in (
            (number, 0.04),
            (word[0].upper() + word[1:], 0.15),
            (word + mark, 0.13),
            (quotes.format(word), 0.03),
        ):
            if rng.random() < probability and self._spells(changed):
                return changed
        return word
