"""Pages for tests: one with everything in it, and random ones."""

import numpy as np
from hypothesis import strategies as st

from hwsk.documents import Character, Line, Page, Region, Word


def small_page() -> Page:
    """Two regions, three lines; words, characters, accents, a line without text."""
    characters = [
        Character("n", [60, 40, 90, 70], 0.5),
        Character("é", [[90, 40], [110, 38], [112, 70]], 0.25),
    ]
    words = [Word("né", [60, 38, 112, 70], 0.75, characters, "w1"), Word("à", [120, 40, 140, 70])]
    words[1].id = "w2"
    first = Line("né à", [[60, 68], [100, 66], [140, 69]], [55, 30, 150, 80], words=words, id="l1")
    second = Line('<Paris> & "Rome"', polygon=[50, 90, 200, 120], confidence=0.5, id="l2")
    third = Line(baseline=[[20, 180], [80, 181]], polygon=[10, 160, 90, 190], id="l3")
    return Page(
        300,
        200,
        [
            Region([first, second], [40, 20, 250, 150], "paragraph", "r1"),
            Region([third], [5, 155, 100, 195], "Main zone", "r2"),
        ],
        "scan of a letter.png",
    )


# What XML can hold, without blanks, which separate words.
_letters = st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="\ufffe\uffff")
_words = st.text(_letters, min_size=1, max_size=6)
_confidence = st.none() | st.integers(0, 100).map(lambda percent: percent / 100)


def _points(width: int, height: int, least: int) -> st.SearchStrategy:
    point = st.tuples(st.integers(0, width), st.integers(0, height))
    return st.lists(point, min_size=least, max_size=6).map(lambda p: np.array(p, float))


@st.composite
def random_pages(draw: st.DrawFn, with_words: bool = True) -> Page:
    """Pages in whole pixels whose elements have ids and, but for baselines, all there is."""
    width, height = draw(st.integers(1, 3000)), draw(st.integers(1, 3000))
    ids = iter(range(1000))

    def polygon():
        return draw(_points(width, height, 3))

    regions = []
    for _ in range(draw(st.integers(0, 3))):
        lines = []
        for _ in range(draw(st.integers(0, 3))):
            words = []
            for text in draw(st.lists(_words, max_size=3)) if with_words else []:
                parts = [Character(c, polygon(), draw(_confidence)) for c in text]
                parts = draw(st.sampled_from([[], parts]))
                words.append(Word(text, polygon(), draw(_confidence), parts, f"w{next(ids)}"))
            text = " ".join(word.text for word in words) or draw(st.just("") | _words)
            baseline = draw(st.none() | _points(width, height, 2))
            confidence = None if words else draw(_confidence)
            lines.append(Line(text, baseline, polygon(), confidence, words, f"l{next(ids)}"))
        kind = draw(st.sampled_from(["", "paragraph", "Main", "other"]))
        regions.append(Region(lines, polygon(), kind, f"r{next(ids)}"))
    return Page(width, height, regions, draw(st.sampled_from(["", "a b.png"])))
