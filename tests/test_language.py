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
# Spelled so that this file has none of them itself.
AVOIDED = re.compile(r"\b(tol[d]|likes[t]|lies [h]ere|fello[w]s?|what there i[s])\b", re.IGNORECASE)

# In pages that users read; code and tests may still use them.
AVOIDED_ON_PAGES = re.compile(
    r"\b(tells?|strangers?|laid over|by (one|two) hands?|what (it|they) says?)\b", re.IGNORECASE
)


def find_avoided(text, words=AVOIDED):
    """List number and text of each line with a word that isn't used."""
    return [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1) if words.search(line)]


def texts_of(place):
    """List the Python, reStructuredText and Markdown files of a place, generated ones left out."""
    path = ROOT / place
    files = [path] if path.is_file() else path.rglob("*.*")
    wanted = {".py", ".rst", ".md"}
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
    text = "The network tells all.\nA stranger.\nPairs by one hand.\nBy what it says.\nteller"
    assert [n for n, _ in find_avoided(text, AVOIDED_ON_PAGES)] == [1, 2, 3, 4]
