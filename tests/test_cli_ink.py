"""`hwsk recognize` of files of pen strokes."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from small_ink import ink_recognizer, ink_words, split_pen_ups

import hwsk
from hwsk.cli import main
from hwsk.writing import draw


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ink")
    hwsk.save(ink_recognizer(), folder / "ink.hwsk")
    words = ink_words(1, 24).strokes
    draw(words[0]).save(folder / "a.inkml")
    draw(words[1]).save(folder / "b.svg")
    strokes = [line.tolist() for line in split_pen_ups(words[2])]
    (folder / "c d.json").write_text(json.dumps(strokes))
    (folder / "dot.json").write_text("[[[1, 1]]]")
    (folder / "bad.json").write_text("[[[1, 1]")
    return folder


@pytest.fixture(autouse=True)
def inside(folder, monkeypatch):
    monkeypatch.chdir(folder)


def run(*arguments):
    return CliRunner().invoke(main, ["recognize", "ink.hwsk", *arguments])


@pytest.mark.filterwarnings("ignore:.*low mean confidence")
def test_all_kinds_of_files(folder):
    result = run("a.inkml", "b.svg", "c d.json")
    assert result.exit_code == 0, result.output
    read = dict(line.split("\t") for line in result.stdout.splitlines())
    truth = ink_recognizer().predict(ink_words(1, 24).strokes[:3])
    assert list(read) == ["a.inkml", "b.svg", "c d.json"]
    assert read["c d.json"] == truth[2]
    assert np.mean([a == b for a, b in zip(read.values(), truth, strict=True)]) > 0.6


@pytest.mark.filterwarnings("ignore:.*low mean confidence")
def test_details_and_doubtful_words():
    record = json.loads(run("c d.json", "--json").stdout)[0]
    assert record["path"] == "c d.json"
    assert record["characters"][0]["strokes"][0] == 0
    assert run("c d.json", "--doubtful", "1").stdout.rstrip().endswith("[?]")


@pytest.mark.filterwarnings("ignore:.*low mean confidence")
def test_a_damaged_file_does_not_keep_the_others():
    result = run("c d.json", "bad.json", "dot.json", "none.inkml", "ink.hwsk")
    assert result.exit_code == 1
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == ["c d.json", "dot.json"]
    for message in ("bad.json is not JSON", "none.inkml", "ink.hwsk: strokes are read from"):
        assert message in result.stderr
    assert "3 of 5 files could not be read" in result.stderr


def test_a_table_of_samples_may_hold_a_dot(folder):
    Path("data.csv").write_text("path,text\na.inkml,on\ndot.json,n\n", encoding="utf-8")
    result = CliRunner().invoke(main, ["evaluate", "ink", "ink.hwsk", "data.csv"])
    assert result.exit_code == 0, result.output
    assert "2 samples" in result.output


def test_a_file_that_is_too_long_is_named():
    zigzag = [[100 * (-1) ** i, (-1) ** (i // 2)] for i in range(3000)]
    Path("long.json").write_text(json.dumps([zigzag]), encoding="utf-8")
    result = run("long.json", "dot.json")
    assert result.exit_code == 1
    assert "long.json: " in result.stderr and "dot.json" in result.stdout


def test_a_lexicon_serves_strokes_too():
    Path("words.txt").write_text("ten\ntoe\n", encoding="utf-8")
    result = run("c d.json", "--lexicon", "words.txt")
    assert result.stdout.split("\t")[1].strip() in ("ten", "toe")
