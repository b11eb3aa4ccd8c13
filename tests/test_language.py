"""Words that readers would have to decode stay out of the package, its docs and its examples."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLACES = (
    "README.md",
    "CONTRIBUTING.md",
    "hwsk",
    "docs",
    "examples",
    "benchmarks",
    "models",
    "tests",
)
# Spelled so that this file has none of them itself. GAP may stand between the words of a phrase:
# the next may be on a line of its own, in a comment or a string, or follow an underscore.
GAP = r"[\s#\"'_]+"
HANDS = rf"{GAP}hand[s]?"
AVOIDED = re.compile(
    r"(?<![^\W_])(?:tol[d]|likes[t]|lies [h]ere|fello[w]s?|what there i[s]"
    rf"|(?<!\bin\s)(?<!\bno\s)(?<!\bbetween\s)(?:one|two){HANDS}"  # "written in one hand" may stay
    rf"|(?:by|of){GAP}(?:the{GAP}same|different|another|other){HANDS}"
    rf"|(?:pairs|those|ones){GAP}by{GAP}tw[o](?!{GAP}writers)"
    rf"|spea[k]s?{GAP}for|tel[l]s?{GAP}nothing)(?![^\W_])",
    re.IGNORECASE,
)

# In pages that users read; code and tests may still use them.
AVOIDED_ON_PAGES = re.compile(
    r"\b(tells?|strangers?|laid over|what (it|they) says?)\b", re.IGNORECASE
)


def find_avoided(text, words=AVOIDED):
    """List number and text of each line where a word or phrase begins that isn't used."""
    lines = text.split("\n")
    rows = sorted({text.count("\n", 0, found.start()) for found in words.finditer(text)})
    return [(row + 1, lines[row].strip()) for row in rows]


def texts_of(place):
    """List the files of a place with text by us: not generated, no images, models or results."""
    path = ROOT / place
    files = [path] if path.is_file() else path.rglob("*.*")
    wanted = {".py", ".rst", ".md", ".js", ".html", ".toml"}
    generated = {"_build", "auto_examples", "generated"}
    return [
        file
        for file in sorted(files)
        if file.suffix in wanted and not generated & set(file.relative_to(ROOT).parts)
    ]


@pytest.mark.parametrize("place", PLACES)
def test_avoided_words_are_not_used(place):
    files = texts_of(place)
    assert files
    found = [
        f"{file.relative_to(ROOT)}:{n}: {line}"
        for file in files
        for n, line in find_avoided(file.read_text(encoding="utf-8"))
    ]
    assert not found, "write these lines with the words of the field:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "word", ["tol" + "d", "Likes" + "t", "lies " + "here", "fello" + "ws", "what there" + " is"]
)
def test_avoided_words_are_found_with_their_line(word):
    assert find_avoided(f"First line.\nHere {word} stands.\n") == [(2, f"Here {word} stands.")]
    assert not find_avoided("untold, likestep, bedfellowship, what there isn't")


@pytest.mark.parametrize(
    "phrase",
    [
        "Pairs by one {}.",
        "if two {}s wrote them",
        "median_of_one_{}_",
        "a pair of the same {}",
        "pairs by different {}s",
        "lines by other {}s",
        '"by one "\n    "{} alone"',
        "whether one\n# {} wrote both",
    ],
)
def test_a_hand_does_not_stand_for_a_writer(phrase):
    assert [n for n, _ in find_avoided(f"\n{phrase.format('han' + 'd')}\n")] == [2]


@pytest.mark.parametrize(
    "phrase",
    ["written in one hand", "no two hands are alike", "in the same hand", "another hand for each"],
)
def test_a_hand_may_be_written_in(phrase):
    assert not find_avoided(phrase)


def test_pairs_of_two_name_the_writers():
    pairs = "pairs by the same writer, and those by " + "two"
    assert find_avoided(pairs) and not find_avoided(f"{pairs} writers")


def test_features_support_a_finding():
    phrases = ["spea" + "ks for", "spea" + "k\nfor", "tel" + "l nothing", "tel" + "ls nothing"]
    assert [len(find_avoided(phrase)) for phrase in phrases] == [1] * 4
    assert not find_avoided("speak, for example; tells more than nothing")


def test_avoided_words_are_not_used_on_pages():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.rst"), *(ROOT / "docs").glob("*.md")]
    pages += (ROOT / "models").glob("*.md")
    assert len(pages) > 40
    found = [
        f"{page.relative_to(ROOT)}:{n}: {line}"
        for page in pages
        for n, line in find_avoided(page.read_text(encoding="utf-8"), AVOIDED_ON_PAGES)
    ]
    assert not found, "write these lines with the words of the field:\n" + "\n".join(found)


def test_avoided_words_of_pages_are_found():
    text = "The network tells all.\nA stranger.\nLaid over.\nBy what it says.\nteller"
    assert [n for n, _ in find_avoided(text, AVOIDED_ON_PAGES)] == [1, 2, 3, 4]
