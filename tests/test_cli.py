"""The command line, run in this process on a small recognizer that has been trained a little."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from html import unescape
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import hwsk
from hwsk._demo.learning import _draw
from hwsk.cli import main
from hwsk.cli._app import SECTIONS
from hwsk.cli._recognition import _read_words
from hwsk.datasets import load_lines, make_handwriting
from hwsk.preprocessing import Deslanter, HeightNormalizer
from hwsk.writing import _course

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    data = make_handwriting(12, texts=["on", "no"], n_writers=2, height=24, random_state=0)
    recognizer = hwsk.CTCRecognizer(
        height=16, channels=(4, 8, 8), dense_units=8, hidden_units=8, num_layers=1,
        dropout=0, max_epochs=12, lr=1e-2, random_state=0,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it may still be blank: what is read does not matter
        model = make_pipeline(HeightNormalizer(16), recognizer).fit(data.images, data.text)
    hwsk.save(model, folder / "model.hwsk")
    hwsk.save(StandardScaler(), folder / "scaler.hwsk")
    hwsk.save(hwsk.CTCRecognizer(), folder / "unfitted.hwsk")
    for i, image in enumerate(data.images[:3]):
        cv2.imwrite(str(folder / f"line {i}.png"), image)
    (folder / "empty.png").write_bytes(b"")
    (folder / "notes.txt").write_text("no image")
    (folder / "expected.json").write_text(json.dumps(list(model.predict(data.images[:3]))))
    return folder


@pytest.fixture(autouse=True)
def inside(folder, monkeypatch):
    monkeypatch.chdir(folder)


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


LINES = [f"line {i}.png" for i in range(3)]


def test_recognize_prints_path_and_text(folder):
    expected = json.loads((folder / "expected.json").read_text())
    result = run("recognize", "model.hwsk", *LINES)
    assert result.exit_code == 0 and not result.stderr
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert rows == [list(row) for row in zip(LINES, expected, strict=True)]

    result = run("recognize", "model.hwsk", *LINES, "--json")
    rows = json.loads(result.stdout)
    assert [(row["path"], row["text"]) for row in rows] == list(zip(LINES, expected, strict=True))
    for row in rows:
        assert {"path", "text", "mean", "minimum", "words", "characters"} <= row.keys()
        assert "".join(character["text"] for character in row["characters"]) == row["text"]


def test_json_of_a_model_without_details():
    images = np.random.default_rng(0).integers(0, 256, (8, 12, 12)).astype(np.uint8)
    classifier = hwsk.CharacterClassifier(hidden_units=4, num_layers=1, max_epochs=1)
    hwsk.save(classifier.fit(images, list("ab" * 4)), "characters.hwsk")
    cv2.imwrite("letter.png", images[0])
    (row,) = json.loads(run("recognize", "characters.hwsk", "letter.png", "--json").stdout)
    assert row == {"path": "letter.png", "text": row["text"]} and row["text"] in {"a", "b"}


def test_recognize_csv_quotes(tmp_path):
    name = 'a, "b".png'
    cv2.imwrite(name, np.full((20, 60), 255, np.uint8))
    result = run("recognize", "model.hwsk", name, "--csv")
    header, row = result.stdout.splitlines()
    assert header == "path,text" and row.startswith('"a, ""b"".png",')


def test_odd_images_are_read():
    for i, shape in enumerate([(1, 1), (3000, 2), (2, 3000), (40, 40, 4)]):
        image = np.zeros(shape, np.uint16 if i == 3 else np.uint8)
        cv2.imwrite(f"odd {i}.png", image)
    result = run("recognize", "model.hwsk", *[f"odd {i}.png" for i in range(4)])
    assert result.exit_code == 0 and len(result.stdout.splitlines()) == 4


def test_bad_images_do_not_stop_the_others(monkeypatch):
    monkeypatch.setattr("hwsk.cli._common.BATCH", 2)
    arguments = [LINES[0], "missing.png", "empty.png", LINES[1], "notes.txt", ".", LINES[2]]
    result = run("recognize", "model.hwsk", *arguments)
    assert result.exit_code == 1
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == LINES
    errors = result.stderr.splitlines()
    assert len(errors) == 5 and errors[-1] == "4 of 7 files could not be read"
    for error, name in zip(errors, ["missing.png", "empty.png", "notes.txt", "."], strict=False):
        assert error.startswith("Error: ") and name in error


def test_an_image_that_the_model_refuses_does_not_stop_the_others(folder):
    model = hwsk.load("model.hwsk")
    model.steps.insert(0, ("deslant", Deslanter()))
    hwsk.save(model, "deslanting.hwsk")
    wide = np.full((20, 40_000), 255, np.uint8)
    wide[np.arange(400) % 20, np.arange(400)] = 0
    cv2.imwrite("wide.png", wide)
    result = run("recognize", "deslanting.hwsk", LINES[0], "wide.png", LINES[1])
    assert result.exit_code == 1
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == LINES[:2]
    error, count = result.stderr.splitlines()
    assert error.startswith("Error: wide.png: an image of") and count.startswith("1 of 3")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("missing.hwsk", "no such file: missing.hwsk"),
        ("notes.txt", "notes.txt (8 bytes) is not a file written by hwsk.save"),
        (".", "is a folder"),
        ("unfitted.hwsk", "not fitted yet"),
        (
            "scaler.hwsk",
            "holds a StandardScaler, which is not an estimator of handwriting",
        ),
        ("iam-writers", "holds a Pipeline ending in WriterClassifier, which identifies the writer"),
        (
            "and-features",
            "holds a MultiTaskClassifier, which names features of handwriting; this "
            "command takes a pretrained model: emnist-characters, iam-lines, iam-words",
        ),
        (
            "iam-line",
            "there is no file 'iam-line', and no pretrained model is called 'iam-line'; "
            "did you mean 'iam-lines'?",
        ),
    ],
)
def test_bad_models_are_one_line(model, message):
    result = run("recognize", model, LINES[0])
    assert result.exit_code == 1 and not result.stdout
    assert message in result.stderr and len(result.stderr.splitlines()) == 1


def test_info():
    result = run("info", "model.hwsk")
    assert result.exit_code == 0
    for part in (
        "model.hwsk: Pipeline", "characters: 'no'", f"hwsk {hwsk.__version__}", "scikit-learn",
        "ctcrecognizer: CTCRecognizer", "ctcrecognizer__height: 16", "numbers",
    ):  # fmt: skip
        assert part in result.stdout
    record = json.loads(run("info", "model.hwsk", "--json").stdout)
    assert record["class"] == "Pipeline" and record["parameters"]["ctcrecognizer__height"] == "16"
    assert run("info", "scaler.hwsk").exit_code == 0
    assert run("info", "missing.hwsk").exit_code == 1


def test_usage():
    assert hwsk.__version__ in run("--version").stdout
    assert "recognize" in run("-h").stdout
    result = run("recognize", "model.hwsk")
    assert result.exit_code == 2 and "IMAGE" in result.stderr


def test_help_of_each_command():
    summaries = run("--help").stdout
    assert not [name for name in main.commands if "None" in run(name, "--help").stdout]
    assert "..." not in summaries.partition("Get started:")[2]
    assert sorted(main.commands) == sorted(chain(*SECTIONS.values()))
    for command in main.commands:
        for flag in ("-h", "--help"):
            result = run(command, flag)
            assert result.exit_code == 0 and not result.stderr
            assert result.stdout.startswith("Usage: ") and command in summaries


def test_recognize_with_a_lexicon_and_a_language_model(folder):
    Path("words.txt").write_text("on\nno\n", encoding="utf-8")
    result = run("recognize", "model.hwsk", *LINES, "--lexicon", "words.txt")
    assert result.exit_code == 0
    assert {line.split("\t")[1] for line in result.stdout.splitlines()} <= {"", "on", "no"}
    hwsk.recognition.NgramLanguageModel(2).fit(["on", "no"]).write_arpa("two.arpa")
    hwsk.save(hwsk.recognition.NgramLanguageModel(2).fit(["on", "no"]), "two.hwsk")
    outputs = [run("recognize", "model.hwsk", *LINES, "--lm", name) for name in
               ("two.arpa", "two.hwsk")]  # fmt: skip
    assert [result.exit_code for result in outputs] == [0, 0]
    assert outputs[0].stdout == outputs[1].stdout
    result = run("recognize", "model.hwsk", LINES[0], "--lm", "model.hwsk")
    assert result.exit_code == 1 and "holds a Pipeline ending in CTCRecognizer" in result.stderr
    assert "a pretrained model: english-lm; or your own NgramLanguageModel" in result.stderr
    assert run("recognize", "iam-lines", LINES[0], "--lm", "english-lm").exit_code == 0
    Path("none.txt").write_text("", encoding="utf-8")
    result = run("recognize", "model.hwsk", LINES[0], "--lexicon", "none.txt")
    assert result.exit_code == 1 and "none.txt has no words" in result.stderr
    Path("none.txt").write_text("on\nin no\n", encoding="utf-8")
    result = run("recognize", "model.hwsk", LINES[0], "--lexicon", "none.txt")
    assert result.exit_code == 1 and "none.txt, line 2: 'in no' is more than one" in result.stderr
    Path("none.txt").write_text("on\nno\n", encoding="utf-16")
    result = run("recognize", "model.hwsk", LINES[0], "--lexicon", "none.txt")
    assert result.exit_code == 1 and "none.txt, line 1: not UTF-8" in result.stderr
    Path("none.txt").write_text(" on \r\n\nno\n", encoding="utf-8-sig")
    assert _read_words(Path("none.txt")) == ["on", "no"]


def test_recognize_marks_doubtful_words():
    line = make_handwriting(1, level="line", random_state=0).images[0]
    cv2.imwrite("real line.png", line)
    command = ["recognize", "iam-lines", "real line.png"]
    (record,) = json.loads(run(*command, "--json", "--doubtful", 0.9).stdout)
    doubtful = [word["doubtful"] for word in record["words"]]
    assert doubtful == [word["minimum"] < 0.9 for word in record["words"]]
    assert any(doubtful) and not all(doubtful)
    marked = run(*command, "--doubtful", 0.9).stdout.split("\t")[1]
    assert marked.split() == [word["text"] + "[?]" * word["doubtful"] for word in record["words"]]
    assert run(*command, "--doubtful", 0).stdout == run(*command).stdout
    assert run(*command, "--doubtful", 2).exit_code == 2
    result = run(*command, "--doubtful", "nan")
    assert result.exit_code == 2 and "'nan' is not a number" in result.stderr


def test_recognize_prints_json_or_csv():
    result = run("recognize", "model.hwsk", LINES[0], "--json", "--csv")
    assert result.exit_code == 2 and "give either --json or --csv" in result.stderr


def test_warnings_are_one_line_and_strict_counts_them():
    cv2.imwrite("blank.png", np.full((20, 60), 255, np.uint8))
    result = run("recognize", "model.hwsk", "blank.png")
    assert result.exit_code == 0
    (line,) = result.stderr.splitlines()
    assert line.startswith("Warning: 1 of 1 images has no ink") and ".py" not in line
    result = run("--strict", "recognize", "model.hwsk", "blank.png")
    assert result.exit_code == 1 and result.stdout == "blank.png\t\n"
    assert run("--strict", "recognize", "model.hwsk", LINES[0]).exit_code == 0


def test_odd_names():
    names = ["two\nlines.png", "-dash.png", "ünï.png", " blank .png"]
    for name in names:
        shutil.copy(LINES[0], name)
    result = run("recognize", "model.hwsk", "--", *names)
    shown = [line.split("\t")[0] for line in result.stdout.splitlines()]
    assert result.exit_code == 0 and shown == ["two\\nlines.png", *names[1:]]
    rows = json.loads(run("recognize", "model.hwsk", "--json", "--", *names).stdout)
    assert [row["path"] for row in rows] == names
    missing = run("recognize", "model.hwsk", "no\nfile.png")
    assert missing.stderr.startswith("Error: no such file: no\\nfile.png\n")


@pytest.mark.parametrize("environment", [
    {"LC_ALL": "C"}, {"LC_ALL": "C.UTF-8"}, {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1"},
])  # fmt: skip
def test_names_that_are_not_utf8(environment, tmp_path):
    folder = os.fsencode(tmp_path) + b"/\xff\xc3\xa9"
    result = subprocess.run(
        [sys.executable, "-m", "hwsk", "models", "get", "emnist-characters", "-o", folder],
        capture_output=True, check=False, cwd=ROOT, env={**os.environ, **environment},
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, b"")
    assert os.listdir(folder) == [b"emnist-characters.hwsk"]
    if "LC_ALL" in environment:  # in UTF-8 a name comes out byte by byte
        assert result.stdout == folder + b"/emnist-characters.hwsk\n"
    else:
        assert result.stdout.endswith(b"/emnist-characters.hwsk\n")


def test_a_broken_pipe_is_silent():
    command = f"{shlex.quote(sys.executable)} -m hwsk models list --json | head -c 10"
    result = subprocess.run(command, shell=True, capture_output=True, check=False, cwd=ROOT)
    assert result.stderr == b"" and len(result.stdout) == 10


def test_the_docs_have_every_command_and_option(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    page = importlib.import_module("generated_pages").commands()

    def check(command, path):
        assert f"\n{path}\n~" in page
        for name, below in getattr(command, "commands", {}).items():
            check(below, f"{path} {name}")
        for parameter in command.params:
            assert all(f"{option}" in page for option in parameter.opts if option.startswith("-"))

    for name, command in main.commands.items():
        check(command, f"hwsk {name}")


def test_an_interrupt_is_no_error_of_a_model(monkeypatch):
    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(hwsk, "load", interrupted)
    result = run("recognize", "model.hwsk", LINES[0])
    assert result.exit_code == 1 and result.stderr.strip() == "Aborted!"


def test_help_comes_without_torch():
    code = "import sys; from hwsk.cli import main; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    result = subprocess.run(
        [sys.executable, "-m", "hwsk", "recognize", "missing.hwsk", "x.png"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (1, "Error: no such file: missing.hwsk\n")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*reads nothing at all:UserWarning")
def test_quick_demo(tmp_path):
    result = run("demo", "--quick", "--output", tmp_path / "out")
    assert result.exit_code == 0, result.output
    for part in (
        "writes a letter", "reads the page", "by the same writer: same writer, p =",
        "by another writer: different writers, p =", "6 of 6 lines", "Generating 150 handwritten",
        "nearest training image", "CTCRecognizer", "interval", "load_lines", "Done in",
    ):  # fmt: skip
        assert part in result.stdout
    for name in ("reading.png", "letter.png"):
        assert cv2.imread(str(tmp_path / "out" / name)) is not None
    page = (tmp_path / "out" / "demo.html").read_text(encoding="utf-8")
    assert page.count("<section>") == 5 and page.count("data:image/png;base64,") >= 10
    programs = re.findall("<pre>(.*?)</pre>", page, re.DOTALL)
    assert len(programs) == 5
    for program in programs:
        compile(unescape(program), "demo.html", "exec")
    assert run("info", tmp_path / "out" / "model.hwsk").exit_code == 0
    (command,) = (line for line in result.stdout.splitlines() if " recognize " in line)
    program, found = command.split(" recognize ")
    assert "hwsk" in program
    read = run("recognize", *shlex.split(found))
    assert read.exit_code == 0 and len(read.stdout.splitlines()) == 1


def test_demo_goes_on_without_matplotlib(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    model = hwsk.load("model.hwsk")
    _draw(model, [LINES[0]], ["on"], Path("reading.png"), print)
    assert "pip install hwsk[plot]" in capsys.readouterr().out
    assert not Path("reading.png").exists()


def test_demo_into_a_file_is_refused():
    result = run("demo", "--quick", "--output", "notes.txt")
    assert result.exit_code == 2 and "notes.txt" in result.stderr


@pytest.fixture(scope="module")
def synthesizer(folder):
    data = make_handwriting(12, texts=["on no", "no on"], n_writers=2, random_state=0)
    model = hwsk.HandwritingSynthesizer(hidden_units=8, num_layers=1, max_epochs=1, random_state=0)
    hwsk.save(model.fit(data.text, data.strokes), folder / "synthesizer.hwsk")
    hwsk.writing.draw(data.strokes[0]).save(folder / "hand.svg")
    return "synthesizer.hwsk"


@pytest.mark.filterwarnings("ignore:.* lines (was|were) cut")
def test_write(synthesizer):
    unread = "--unchecked", "-o"
    result = run("write", synthesizer, "on no", *unread, "page.svg", "--seed", 1)
    assert (result.exit_code, result.stdout) == (0, "page.svg\n")
    first = Path("page.svg").read_text(encoding="utf-8")
    assert "on no" in first
    again = run("write", synthesizer, "no", *unread, "page.svg", "--seed", 1)
    assert again.exit_code == 2 and "page.svg is there already; --force overwrites" in again.stderr
    assert Path("page.svg").read_text(encoding="utf-8") == first
    run("write", synthesizer, "on no", *unread, "page.svg", "--seed", 1, "--force")
    assert Path("page.svg").read_text(encoding="utf-8") == first
    options = ["--hand", "hand.svg", "on no", "--bias", 2]
    assert run("write", synthesizer, "no", *unread, "page.png", *options).exit_code == 0
    assert cv2.imread("page.png") is not None
    over = run("write", synthesizer, "no", *unread, "hand.svg", *options[:3], "--force")
    assert over.exit_code == 2 and "hand.svg is an input" in over.stderr
    read = CliRunner().invoke(
        main, ["write", synthesizer, "-", *unread, "page.svg", "--force"], input="no on"
    )
    assert read.exit_code == 0 and "no on" in Path("page.svg").read_text(encoding="utf-8")
    wide = CliRunner().invoke(main, ["write", synthesizer, "-", *unread, "wide.svg"],
                              input="no on".encode("utf-16"))  # fmt: skip
    assert wide.exit_code == 1 and "standard input is not utf-8" in wide.stderr.lower()
    marked = CliRunner().invoke(main, ["write", synthesizer, "-", *unread, "marked.svg"],
                                input="no on".encode("utf-8-sig"))  # fmt: skip
    assert marked.exit_code == 0, marked.stderr
    Path("letter-12.svg").write_text("mine", encoding="utf-8")
    again = run("write", "no-such-model", "no", *unread, "letter.svg")
    assert again.exit_code == 2 and "letter-12.svg is there already" in again.stderr
    assert run("write", synthesizer, "no", *unread, "letter-1.svg").exit_code == 0
    nowhere = run("write", synthesizer, "on", "-o", "nodir/b.png")
    assert nowhere.exit_code == 2 and "the folder nodir does not exist" in nowhere.stderr
    Path("folder.svg").mkdir()
    assert "is a folder" in run("write", synthesizer, "on", "-o", "folder.svg").stderr
    other = run("write", "no-such-model", "on", "-o", "page.doc")  # before any work is done
    assert other.exit_code == 2 and "page.doc: sheets are saved as .gif, .inkml" in other.stderr


@pytest.mark.filterwarnings("ignore:.* lines (was|were) cut")
def test_write_lays_out_sheets(synthesizer):
    small = "--size", "a5", "--margin", 10, 10, 60, 30, "--columns", 2, "--ruling", "squared"
    options = [*small, "--letterhead", 20, "--x-height", 3, "--pressure", 0.5]
    colours = "--ink", "green", "--paper", "#fffff0", "--seed", 1
    result = run("write", synthesizer, "on no", "--unchecked", "-o", "a5.svg", *options, *colours)
    assert result.exit_code == 0, result.stderr
    page = Path("a5.svg").read_text(encoding="utf-8")
    assert 'width="148mm" height="210mm"' in page and "green" in page and "#fffff0" in page
    plot = ["write", synthesizer, "on no", "--unchecked", "--plotter"]
    assert run(*plot, "-o", "plot.svg").exit_code == 0
    assert "C" not in Path("plot.svg").read_text(encoding="utf-8").split("<g")[1]
    assert "a plotter's file is a .svg" in run(*plot, "-o", "plot.png").stderr
    lines = ["write", synthesizer, "--lines", "texts.txt", "-o", "lines"]
    Path("texts.txt").write_text("on no\n", encoding="utf-8")
    assert "--x-height is of sheets" in run(*lines, "--x-height", 3).stderr
    assert "--plotter is of sheets" in run(*lines, "--plotter").stderr
    narrow = run("write", synthesizer, "on", "--unchecked", "-o", "n.svg", "--columns", 20)
    assert narrow.exit_code == 1 and "of each of 20 columns" in narrow.stderr


@pytest.mark.filterwarnings("ignore:.* lines (was|were) cut")
def test_write_in_a_hand_that_is_known(synthesizer):
    data = make_handwriting(12, texts=["on no", "no on"], n_writers=2, random_state=0)
    model = hwsk.HandwritingSynthesizer(
        hidden_units=8, num_layers=1, max_epochs=1, style_units=2, random_state=0
    )
    hwsk.save(model.fit(data.text, data.strokes, groups=data.writer), "styled.hwsk")
    write = ["write", "styled.hwsk", "on no", "--unchecked", "--seed", 1, "--force"]
    pages = []
    for style in (0, 1, "hand.svg"):
        result = run(*write, "-o", "styled.svg", "--style", style)
        assert result.exit_code == 0, result.stderr
        pages.append(Path("styled.svg").read_text(encoding="utf-8"))
    assert len(set(pages)) == 3
    for style, message in (
        (7, "hands are 0 to 1"),
        (-1, "hands are 0 to 1"),
        ("none.svg", "none.svg"),
    ):
        result = run(*write, "-o", "styled.svg", "--style", style)
        assert result.exit_code == 1 and message in result.stderr
    both = run(*write, "-o", "styled.svg", "--style", 0, "--hand", "hand.svg", "on no")
    assert both.exit_code == 2 and "give one" in both.stderr
    over = run(*write, "-o", "hand.svg", "--style", "hand.svg")
    assert over.exit_code == 2 and "hand.svg is an input" in over.stderr
    plain = run("write", synthesizer, "on", "--unchecked", "-o", "x.svg", "--style", 0)
    assert plain.exit_code == 1 and "fitted with style_units" in plain.stderr


@pytest.mark.filterwarnings("ignore:.* lines (was|were) cut")
def test_write_checks_what_it_has_written(synthesizer):
    """The synthesizer has learnt for an epoch, and the reader recognizes nothing of it."""
    result = run("write", synthesizer, "on no", "-o", "unread.svg", "--reader", "model.hwsk")
    assert result.exit_code == 1
    assert "2 of 2 words could not be written" in result.stderr
    assert "'on' (line 1, read as" in result.stderr and "'no' (line 1, read as" in result.stderr
    assert not Path("unread.svg").exists()
    assert "--on-failure warn saves all the same" in result.stderr
    kept = run(
        "write", synthesizer, "on no", "-o", "kept.svg", "--reader", "model.hwsk",
        "--on-failure", "warn",
    )  # fmt: skip
    assert (kept.exit_code, kept.stdout) == (0, "kept.svg\n")
    assert "Warning: 2 of 2 words could not be written" in kept.stderr
    for checked in (["--reader", "model.hwsk"], ["--on-failure", "warn"]):
        both = run("write", synthesizer, "on", "-o", "both.svg", "--unchecked", *checked)
        assert both.exit_code == 2 and f"{checked[0]} is of words that are checked" in both.stderr
    result = run("write", synthesizer, "on", "-o", "unread.svg", "--reader", "synthesizer.hwsk")
    assert result.exit_code == 1 and "Synthesizer, which recognizes no lines" in result.stderr


@pytest.mark.filterwarnings("ignore:.* lines (was|were) cut")
def test_write_lines_into_a_folder(synthesizer):
    Path("texts.txt").write_text("on no\n\nno on\n", encoding="utf-8")
    options = ["-o", "made", "--lines", "texts.txt", "--seed", 0]
    result = run("write", synthesizer, *options, "--unchecked")
    assert (result.exit_code, result.stdout) == (0, f"{Path('made', 'lines.csv')}\n")
    made = load_lines("made/lines.csv", as_arrays=True)
    assert made.text.tolist() == ["on no", "no on"]
    assert {image.shape[0] for image in made.images} == {96}
    again = run("write", synthesizer, *options, "--unchecked")
    assert again.exit_code == 2 and "made is not empty" in again.stderr
    again = run("write", synthesizer, *options, "--unchecked", "--force")
    assert again.exit_code == 2 and "--force is of sheets" in again.stderr
    options[1] = "unread"
    result = run("write", synthesizer, *options, "--reader", "model.hwsk")
    assert result.exit_code == 1 and "their lines are left out. Another --seed" in result.stderr
    assert "'no' (line 1, read as" in result.stderr and "'no' (line 3, read as" in result.stderr
    assert Path("unread", "lines.csv").read_text(encoding="utf-8") == "path,text\n"
    options[1] = "warned"
    result = run("write", synthesizer, *options, "--reader", "model.hwsk", "--on-failure", "warn")
    assert result.exit_code == 0 and "their lines are left out" in result.stderr
    Path("texts.txt").write_text("on no\n", encoding="utf-16")
    options[1] = "wide"
    result = run("write", synthesizer, *options, "--unchecked")
    assert result.exit_code == 1 and "texts.txt, line 1: not UTF-8" in result.stderr
    for wrong in (["on", *options], ["-o", "made"]):
        result = run("write", synthesizer, *wrong)
        assert result.exit_code == 2 and "either TEXT or --lines" in result.stderr
    result = run("write", synthesizer, *options, "--candidates", 2)
    assert result.exit_code == 2 and "compared with a --hand" in result.stderr
    Path("texts.txt").write_text("on\n\nnö\nôn nö\n", encoding="utf-8")
    result = run("write", synthesizer, *options, "--unchecked")
    assert result.exit_code == 1 and "'ö' (line 3, column 2 and 1 more)" in result.stderr
    assert "'ô' (line 4, column 1) of texts.txt" in result.stderr
    assert "; --replace writes é as e" in result.stderr
    result = run("write", synthesizer, *options, "--unchecked", "--replace")
    assert result.exit_code == 0 and "replaced 'ô' by 'o', 'ö' by 'o'" in result.stderr
    Path("texts.txt").write_text(" \n\n", encoding="utf-8")
    options[1] = "blank"
    result = run("write", synthesizer, *options, "--unchecked")
    assert result.exit_code == 1 and "texts.txt has blank lines alone" in result.stderr
    piped = ["write", synthesizer, "--lines", "-", "--unchecked", "-o"]
    result = CliRunner().invoke(main, [*piped, "piped"], input="on\r\n\nno")
    assert (result.exit_code, result.stdout) == (0, f"{Path('piped', 'lines.csv')}\n")
    assert load_lines("piped/lines.csv").text.tolist() == ["on", "no"]


@pytest.mark.filterwarnings("ignore:.* lines (was|were) cut")
def test_write_goes_on_with_an_interrupted_folder(synthesizer, monkeypatch):
    Path("many.txt").write_text("on no\nno on\n\non\n", encoding="utf-8")
    monkeypatch.setattr(_course, "PART", 2)
    write = ["write", synthesizer, "--lines", "many.txt", "--seed", 0, "--unchecked"]

    def break_off(folder, error):
        with monkeypatch.context() as patch:
            patch.setattr(_course.Course, "keep", raise_(error))
            return run(*write, "-o", folder)

    def raise_(error):
        def keep(course, number, *args):
            if number:
                raise error
            return keep_part(course, number, *args)

        keep_part = _course.Course.keep
        return keep

    assert run(*write, "-o", "whole").exit_code == 0
    result = break_off("part", KeyboardInterrupt())
    state = Path("part", "lines.ckpt")
    assert result.exit_code == 1 and f"{state} keeps what is done: --resume" in result.stderr
    assert load_lines("part/lines.csv").text.tolist() == ["on no", "no on"]
    again = run("write", "no-such-model", *write[2:], "-o", "part")  # before the model is loaded
    assert again.exit_code == 2 and f"{state} is left from a run that was int" in again.stderr
    other = run(*write, "-o", "part", "--resume", "--bias", 1, "--seed", 3)
    assert other.exit_code == 1
    assert "differs in --bias (None there, 1.0 here), --seed; --resume takes" in other.stderr
    assert state.exists()
    result = run(*write, "-o", "part", "--resume")
    assert (result.exit_code, result.stdout) == (0, f"{Path('part', 'lines.csv')}\n")
    whole = {file.name: file.read_bytes() for file in Path("whole").iterdir()}
    assert {file.name: file.read_bytes() for file in Path("part").iterdir()} == whole
    result = run(*write, "-o", "part", "--resume")
    assert result.exit_code == 2 and "part is not empty, and has no lines.ckpt" in result.stderr
    result = run(*write, "-o", "new", "--resume")
    assert result.exit_code == 0 and "is not there: writing begins anew" in result.stderr
    result = break_off("full", OSError(28, "No space left on device", "full/000003.png"))
    assert result.exit_code == 1 and "No space left" in result.stderr
    assert "lines.ckpt keeps what is done: --resume goes on with it" in result.stderr
    sheets = run("write", synthesizer, "on", "--unchecked", "-o", "on.svg", "--resume")
    assert sheets.exit_code == 2 and "--resume is of --lines" in sheets.stderr


def test_write_refuses_a_folder_that_nothing_can_be_written_into(synthesizer, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: mode == os.R_OK)
    for options in (["on", "-o", "shut.svg"], ["--lines", "texts.txt", "-o", "shut"]):
        result = run("write", "no-such-model", *options)  # before any work is done
        assert result.exit_code == 2 and "permission denied" in result.stderr


@pytest.mark.filterwarnings("ignore:.* lines (was|were) cut")
def test_write_says_that_a_text_is_the_name_of_a_file(synthesizer):
    Path("on").write_text("no", encoding="utf-8")
    result = run("write", synthesizer, "on", "--unchecked", "-o", "name.svg")
    assert result.exit_code == 0 and "on is a file, and its name is written" in result.stderr


@pytest.mark.filterwarnings("ignore:.* lines (was|were) cut")
def test_write_names_its_own_options(synthesizer):
    write = ["write", synthesizer, "--unchecked", "-o", "named.svg"]
    result = run(*write, "ön")
    assert result.exit_code == 1 and "'ö' (line 1, column 1) of TEXT" in result.stderr
    assert "; --replace writes é as e" in result.stderr
    result = run(*write, r"on\nno")
    assert result.exit_code == 2 and "of which a shell makes no line break" in result.stderr
    hand = ["on", "--hand", "hand.svg", "ön no"]
    result = run(*write, *hand)
    assert result.exit_code == 1 and "of the text of --hand" in result.stderr
    assert run(*write, *hand, "--replace").exit_code == 0
    for wrong in (["--seed", -1], ["--seed", 2**32], ["--bias", 101]):
        result = run(*write, "on", *wrong)
        assert result.exit_code == 2 and f"'{wrong[0]}': {wrong[1]}" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["model.hwsk", "on", "-o", "new.svg"], "which recognizes words or lines of text; this"),
        (["synthesizer.hwsk", "Q", "-o", "new.svg"], "has no 'Q' (line 1, column 1)"),
        (["synthesizer.hwsk", "on", "-o", "p.svg", "--hand", "none.svg", "on"], "none.svg"),
    ],
)
@pytest.mark.filterwarnings("ignore:.* lines (was|were) cut")
def test_what_can_not_be_written(synthesizer, arguments, words):
    result = run("write", *arguments, "--unchecked")
    assert result.exit_code == 1
    assert words in result.stderr


def test_a_bias_below_0_is_a_mistake_of_usage(synthesizer):
    result = run("write", "synthesizer.hwsk", "on", "-o", "new.svg", "--bias", "-1")
    assert result.exit_code == 2 and "'--bias': -1.0 is not in the range 0<=x<=100" in result.stderr
