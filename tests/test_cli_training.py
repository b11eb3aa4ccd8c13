"""The commands that read data sets: data, train, evaluate; with networks as small as can be."""

import csv
import importlib
import json
import re
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

import hwsk
from hwsk.cli import _jobs, _training, main
from hwsk.cli._cards import describe, unit
from hwsk.cli._jobs import JOBS
from hwsk.cli._layouts import LAYOUTS, Samples
from hwsk.cli._splits import count_shared, split
from hwsk.datasets import load_lines, make_handwriting
from hwsk.writing import draw

DATA = Path(__file__).parents[2] / "shared" / "data"
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:hwsk"),
]


@pytest.fixture(autouse=True)
def inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_jobs, "N_RESAMPLES", 20)


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def put_table(name="data.csv", n=24, ink=False):
    """A table of words by six writers with two features and pages; images, or pen strokes."""
    made = make_handwriting(n, texts=["on", "no"], n_writers=6, height=32, random_state=0)
    Path("files").mkdir(exist_ok=True)
    with open(name, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "text", "writer", "page", "slant", "size"])
        for i in range(n):
            path = f"files/{i}.{'inkml' if ink else 'png'}"
            if ink:
                draw(made.strokes[i]).save(path)
            else:
                cv2.imwrite(path, made.images[i])
            slant = "" if i == 3 else ["left", "right"][i % 2]
            page, size = f"{made.writer[i]}{i // 6 % 2}", ["small", "large"][i // 6 % 2]
            rows.writerow([path, made.text[i], f"w{made.writer[i]}", page, slant, size])
    return name


SMALL = {
    "vae": ["latent_dim=2", "channels=(4,4,4,4)", "image_size=(16,16)"],
    "siamese": ["channels=(4,4,4,4)", "image_size=(16,16)", "dense_units=8", "embedding_dim=4"],
    "multitask": ["channels=(4,4,4,4)", "image_size=(16,16)", "dense_units=8", "embedding_dim=4"],
    "writers": ["n_patches=1", "patch_size=32"],
    "characters": ["channels=(4,4,4)"],
    "lines": ["channels=(4,8,8)", "dense_units=8", "hidden_units=8", "num_layers=1"],
    "ink": ["channels=(4,4,4)", "hidden_units=4", "num_layers=1"],
    "strokes": ["hidden_units=4", "num_layers=1"],
    "synthesizer": ["hidden_units=4", "num_layers=1"],
}


def small(job, *more):
    settings = [*SMALL[job], "max_epochs=1", *more]
    return [part for setting in settings for part in ("--set", setting)]


@pytest.mark.parametrize("job", JOBS)
def test_every_job_trains_and_evaluates(job):
    table = put_table(ink=job in ("ink", "strokes", "synthesizer"))
    result = run("train", job, table, "-o", "model.hwsk", "--layout", "table", "--test-size", 0.4,
                 *small(job), "--json")  # fmt: skip
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["test"]["writers"] < 6 or job == "writers"
    for score in found["scores"]:
        assert score["low"] <= score["value"] <= score["high"]
    assert sorted(path.name for path in Path().glob("model.*")) == ["model.hwsk", "model.md"]
    card = Path("model.md").read_text(encoding="utf-8")
    assert JOBS[job].kind in card and "max_epochs=1" in card and found["scores"][0]["name"] in card
    assert "that training has not seen; 95% bootstrap intervals over" in card

    result = run("evaluate", job, "model.hwsk", table, "--layout", "table")
    assert result.exit_code == 0, result.output
    unit = "pages" if job == "writers" else "writers"
    assert result.stdout.startswith("On 24 samples, 6 writers, 12 pages, 95% interval over " + unit)
    assert found["scores"][0]["name"] in result.stdout


def test_two_trainings_with_one_seed_are_equal_and_resume_goes_on(monkeypatch):
    table = put_table()
    command = ["train", "lines", table, *small("lines", "max_epochs=3"), "--test-size", 0]
    assert run(*command, "-o", "whole.hwsk").exit_code == 0
    assert "Not evaluated" in Path("whole.md").read_text(encoding="utf-8")

    with monkeypatch.context() as patch:
        checkpoint = hwsk.callbacks.Checkpoint.on_epoch_end

        def stop_after_two(self, net, **kwargs):
            checkpoint(self, net, **kwargs)
            if len(net.history) == 2:
                raise KeyboardInterrupt

        patch.setattr(hwsk.callbacks.Checkpoint, "on_epoch_end", stop_after_two)
        result = run(*command, "-o", "part.hwsk")
    assert result.exit_code == 1 and "ended after 2 of 3 epochs" in result.stderr
    assert not Path("part.hwsk").exists() and Path("part.ckpt").exists()
    result = run(*command, "-o", "part.hwsk")
    assert result.exit_code == 2 and "--resume goes on with it, --force begins" in result.stderr
    assert run(*command, "-o", "part.hwsk", "--resume").exit_code == 0
    assert not Path("part.ckpt").exists()
    whole, part = (hwsk.load(name)[-1] for name in ("whole.hwsk", "part.hwsk"))
    for a, b in zip(whole.net_.module_.parameters(), part.net_.module_.parameters(), strict=True):
        np.testing.assert_array_equal(a.detach(), b.detach())


def interrupt(monkeypatch, after):
    """Press Ctrl-C after so many epochs."""
    begin = hwsk.callbacks.Checkpoint.on_epoch_begin

    def stop(self, net, **kwargs):
        begin(self, net, **kwargs)
        if len(net.history) == after + 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(hwsk.callbacks.Checkpoint, "on_epoch_begin", stop)


def test_an_interruption_writes_no_model(monkeypatch):
    """Not with early stopping, whose fits end early, too; and what is not there is not promised."""
    command = ["train", "lines", put_table(), *small("lines", "max_epochs=3"), "--test-size", 0]
    with monkeypatch.context() as patch:
        interrupt(patch, after=1)
        result = run(*command, "-o", "m.hwsk", "--set", "early_stopping=True")
    assert result.exit_code == 1 and "m.ckpt keeps the state: --resume" in result.stderr
    assert Path("m.ckpt").exists() and not Path("m.hwsk").exists()
    with monkeypatch.context() as patch:
        interrupt(patch, after=0)
        result = run(*command, "-o", "first.hwsk")
    assert result.exit_code == 1 and "no model was written\n" in result.stderr
    assert not Path("first.ckpt").exists()
    result = run(*command, "-o", "first.hwsk", "--resume")
    assert result.exit_code == 0 and "first.ckpt is not there: training begins" in result.stderr


def test_a_checkpoint_outlives_mistakes(monkeypatch):
    command = ["train", "lines", put_table(), *small("lines", "max_epochs=3"), "--test-size", 0,
               "-o", "m.hwsk"]  # fmt: skip
    with monkeypatch.context() as patch:
        interrupt(patch, after=2)
        assert run(*command).exit_code == 1
    state = Path("m.ckpt").read_bytes()
    for mistake, words in (
        (["--force", "--set", "rate=1"], "has no parameter 'rate'"),
        (["--force", "--layout", "iam"], "neither a folder nor an archive"),
        (
            ["--resume", "--set", "lr=0.1"],
            "with other training parameters; --resume takes the same",
        ),
    ):
        result = run(*command, *mistake)
        assert result.exit_code and words in result.stderr and "{fit}" not in result.stderr
        assert Path("m.ckpt").read_bytes() == state and not Path("m.hwsk").exists()
    assert run(*command, "--force").exit_code == 0 and not Path("m.ckpt").exists()


def test_a_model_is_not_fine_tuned_onto_itself():
    table = put_table()
    assert run("train", "lines", table, "-o", "m.hwsk", *small("lines")).exit_code == 0
    before = Path("m.hwsk").read_bytes(), Path("m.md").read_bytes()
    result = run("train", "lines", table, "-o", "m.hwsk", "--start", "m.hwsk", "--force")
    assert result.exit_code == 2 and "m.hwsk is an input" in result.stderr
    assert before == (Path("m.hwsk").read_bytes(), Path("m.md").read_bytes())


def test_labels_that_a_model_does_not_know_are_named():
    table = put_table()
    assert run("train", "writers", table, "-o", "m.hwsk", *small("writers")).exit_code == 0
    Path("new.csv").write_text(Path(table).read_text("utf-8").replace(",ww000,", ",new,"), "utf-8")
    result = run("evaluate", "writers", "m.hwsk", "new.csv")
    assert result.exit_code == 0, result.output
    assert "are by writers that the model has not learnt, such as 'new': counted" in result.stderr


@pytest.mark.parametrize("job", ["lines", "siamese", "multitask", "synthesizer"])
def test_early_stopping_keeps_writers_on_one_side(job, monkeypatch):
    table = put_table(ink=job in ("ink", "strokes", "synthesizer"))
    given = []

    def split(self, n, groups, seed):
        given.append(groups)
        return np.arange(n - 4), np.arange(n - 4, n)

    monkeypatch.setattr("hwsk._training.estimator.NetworkEstimator._split", split)
    more = ["early_stopping=True", *(["style_units=2"] if job == "synthesizer" else [])]
    result = run("train", job, table, "-o", "model.hwsk", "--layout", "table", "--test-size", 0,
                 *small(job, *more))  # fmt: skip
    assert result.exit_code == 0, result.output
    assert len(set(given[0])) == 6


@pytest.mark.parametrize(
    ("n", "described"),
    [
        (1, "1 sample, 1 writer, 1 page, 1 forgery"),
        (2, "2 samples, 2 writers, 2 pages, 2 forgeries"),
    ],
)
def test_counts_agree_with_their_nouns(n, described):
    ids = np.array([f"{i}" for i in range(n)], object)
    samples = Samples(np.zeros((n, 8, 8)), writer=ids, page=ids, forged=np.ones(n, bool))
    assert describe(samples) == described


def test_start_goes_on_from_a_model():
    table = put_table()
    put_table("test.csv", n=12)
    assert run("train", "lines", table, "-o", "first.hwsk", *small("lines")).exit_code == 0
    Path("more.toml").write_text("max_epochs = 1\nlr = 1e-9\n", encoding="utf-8-sig")
    result = run("train", "lines", table, "-o", "second.hwsk", "--start", "first.hwsk",
                 "--config", "more.toml", "--test", "test.csv")  # fmt: skip
    assert result.exit_code == 0 and "On 12 samples" in result.stdout
    rates = dict(re.findall(r"(character error rate.*?)\s+([\d.e-]+)  \(", result.stdout))
    assert rates["character error rate"] == rates["character error rate of first.hwsk"]
    assert "character error rate of first.hwsk" in Path("second.md").read_text(encoding="utf-8")
    first, second = (hwsk.load(name)[-1] for name in ("first.hwsk", "second.hwsk"))
    assert "few, so fine-tuned by hwsk.recognition.fine_tune" in result.stderr
    assert "the training set holds 12 of 12 test samples: " in result.stderr
    card = Path("second.md").read_text(encoding="utf-8")
    assert "12 of them in the training set; " in card and "has not seen" not in card
    by = "by `hwsk.recognition.fine_tune(max_epochs=1, lr=1e-09)`"
    assert f"| fine-tuned from | first.hwsk, {by}; " in card
    assert "fine-tuned" not in Path("first.md").read_text(encoding="utf-8")
    assert second.lr == 1e-9 and "lr=1e-09" in Path("second.md").read_text(encoding="utf-8")
    for a, b in zip(first.net_.module_.parameters(), second.net_.module_.parameters(), strict=True):
        np.testing.assert_allclose(a.detach(), b.detach(), atol=1e-6)


def test_alpha_says_how_far_a_reader_is_fine_tuned():
    table = put_table()
    assert run("train", "lines", table, "-o", "first.hwsk", *small("lines")).exit_code == 0
    start = ("train", "lines", table, "--start", "first.hwsk", "--set", "max_epochs=1")
    assert run(*start, "-o", "kept.hwsk", "--set", "alpha=0").exit_code == 0
    assert run(*start, "-o", "tuned.hwsk", "--set", "alpha=1").exit_code == 0
    first, kept, tuned = (
        list(hwsk.load(f"{name}.hwsk")[-1].net_.module_.parameters())
        for name in ("first", "kept", "tuned")
    )
    assert all(map(torch.equal, first, kept)) and not all(map(torch.equal, first, tuned))
    result = run(*start, "-o", "new.hwsk", "--set", "batch_size=2")
    assert result.exit_code == 2 and "batch_size is fixed in fine-tuning" in result.stderr
    Path("new.ckpt").write_bytes(b"state")
    result = run(*start, "-o", "new.hwsk", "--resume")
    assert result.exit_code == 2 and "fewer than 300 lines" in " ".join(result.stderr.split())
    assert Path("new.ckpt").read_bytes() == b"state" and not Path("new.hwsk").exists()
    Path("new.ckpt").unlink()
    result = run("train", "lines", table, "-o", "new.hwsk", "--set", "alpha=1")
    assert result.exit_code == 2 and "CTCRecognizer has no parameter 'alpha'" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["train", "lines", "data.csv", "-o", "there.hwsk"], 2, "is there already; --force"),
        (["train", "lines", "data.csv", "-o", "t2.ckpt"], 2, "t2.ckpt does not end in .hwsk"),
        (["train", "lines", "data.csv", "-o", "t.md", "--force"], 2, "t.md does not end in .hwsk"),
        (["train", "lines", "data.csv", "-o", "m.hwsk", "--set", "random_state=7"], 2,
         "random_state is what --seed sets"),
        (["train", "lines", "data.csv", "-o", "m.hwsk", "--set", "ctcrecognizer__device=cpu"], 2,
         "ctcrecognizer__device is what --device sets"),
        (["train", "lines", "data.csv", "-o", "m.hwsk", "--config", "wide.toml"], 1,
         "wide.toml, line 1: not UTF-8"),
        (["train", "lines", "data.csv", "-o", "no/model.hwsk"], 2, "folder no does not exist"),
        (["train", "fly", "data.csv", "-o", "m.hwsk"], 2, "'vae', 'siamese', 'multitask'"),
        (["train", "lines", "data.csv", "-o", "m.hwsk", "--test-layout", "iam"], 2,
         "--test-layout is that of --test, which is not given"),
        (["train", "lines", "data.csv", "-o", "m.hwsk", "--test-size", "0.9"], 1,
         "--test-size 0.9 of 6 writers, pages or samples leaves none to train on"),
        (["train", "lines", "none.csv", "-o", "m.hwsk"], 1, "none.csv does not exist"),
        (["train", "lines", "data.csv", "-o", "m.hwsk", "--layout", "x"], 2, "the layouts: lines,"),
        (["train", "lines", "data.csv", "-o", "m.hwsk", "--layout", "lines:a"], 2, "has no parts"),
        (["train", "lines", "data.csv", "-o", "m.hwsk", "--set", "rate=1"], 2,
         "CTCRecognizer has no parameter 'rate'; it has augment"),
        (["train", "lines", "data.csv", "-o", "m.hwsk", "--set", "lr"], 2, "is not NAME=VALUE"),
        (["train", "lines", "data.csv", "-o", "m.hwsk", "--set", "lr=fast"], 1, "'lr' param"),
        (["train", "lines", "data.csv", "-o", "m.hwsk", "--config", "data.csv"], 1, "is not TOML"),
        (["train", "multitask", "bare.csv", "-o", "m.hwsk"], 1, "this job needs features for each"),
        (["train", "siamese", "bare.csv", "-o", "m.hwsk"], 1, "this job needs writer for each"),
        (["train", "ink", "data.csv", "-o", "m.hwsk"], 1,
         "pen strokes (.inkml, .svg or .json files), and the data in layout table are images"),
        (["evaluate", "vae", "and-vae", "ink.csv"], 1,
         "this job is for images, and the data in layout table are pen strokes"),
        (["train", "vae", "gone.csv", "-o", "m.hwsk"], 1, "gone.csv, line 2: there is no 'x.png'"),
        (["train", "lines", "data.csv", "-o", "m.hwsk", "--start", "iam-writers"], 1,
         "holds a WriterClassifier, which identifies"),
        (["evaluate", "lines", "and-vae", "data.csv"], 1, "this job is for a CTCRecognizer"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(arguments, code, words):
    put_table()
    put_table("ink.csv", n=6, ink=True)
    Path("bare.csv").write_text("path\nfiles/0.png\n", encoding="utf-8")
    Path("gone.csv").write_text("path\nx.png\n", encoding="utf-8")
    Path("there.hwsk").touch()
    Path("wide.toml").write_text("lr = 1", encoding="utf-16")
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert words in " ".join(result.stderr.split()) and not Path("m.hwsk").exists()


def test_data_list_and_check(monkeypatch):
    assert [line.split()[0] for line in run("data", "list").stdout.splitlines()] == list(LAYOUTS)
    records = json.loads(run("data", "list", "--json").stdout)
    for record in records:
        assert record["loader"] == "load_table" or hasattr(hwsk.datasets, record["loader"])
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "docs")
    table = importlib.import_module("generated_pages").datasets()
    for record in records:
        assert all(f"{record[key]}" in table for key in ("layout", "what", "files", "license"))
        assert (f":func:`{record['loader']}`" in table) == (record["loader"] != "load_table")
    put_table()
    result = run("data", "check", "table", "data.csv")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["samples: 24", "writers: 6", "pages: 12",
                                          "characters: 2: no", "features: slant, size"]  # fmt: skip
    Path("files/5.png").write_bytes(Path("files/5.png").read_bytes()[:60])
    result = run("data", "check", "lines", "data.csv", "--json")
    assert result.exit_code == 1 and "files/5.png" in result.stderr
    found = json.loads(result.stdout)
    assert len(found["damaged"]) == 1 and found["characters"] == "no"
    features = json.loads(run("data", "check", "table", "data.csv", "--json").stdout)["features"]
    assert features == ["slant", "size"]


def test_tables_from_other_programs():
    """Excel and pandas: Windows separators, blanks around fields, columns without a name."""
    put_table()
    rows = [row.split(",")[:3] for row in Path("data.csv").read_text("utf-8").splitlines()]
    lines = [[str(i), path.replace("/", "\\"), f" {text} ", f"{writer} " * (i % 2) or writer, ""]
             for i, (path, text, writer) in enumerate(rows[1:])]  # fmt: skip
    lines.insert(0, ["", *rows[0], ""])
    written = "\r\n".join(",".join(line) for line in lines)
    Path("other.csv").write_text(written, encoding="utf-8-sig", newline="")
    expected = ["samples: 24", "writers: 6", "characters: 2: no"]
    for layout in ("table", "lines"):
        result = run("data", "check", layout, "other.csv")
        assert result.stdout.splitlines() == expected, result.stderr


@pytest.mark.parametrize("layout", ["table", "lines"])
def test_gaps_in_the_column_of_writers_are_named(layout):
    put_table()
    table = Path("data.csv").read_text("utf-8").replace(",w000,", ",,").replace(",ww000,", ",,")
    Path("gaps.csv").write_text(table, encoding="utf-8")
    result = run("data", "check", layout, "gaps.csv")
    assert result.exit_code == 0 and "writers" not in result.stdout
    n = sum(writer == "w000" for writer in make_handwriting(24, texts=["on", "no"], n_writers=6,
            height=32, random_state=0).writer)  # fmt: skip
    assert f"Warning: writer is not given for {n} of 24 samples, so it is used" in result.stderr


def test_sketches_are_a_layout():
    line = {"word": "cat", "drawing": [[[0, 9, 20], [0, 5, 9]]], "key_id": "1"}
    Path("cats.ndjson").write_text(f"{json.dumps(line)}\n" * 4, encoding="utf-8")
    assert run("data", "check", "sketches", "cats.ndjson").stdout == "samples: 4\n"
    result = run("train", "strokes", "cats.ndjson", "--layout", "sketches", "-o", "cats.hwsk",
                 "--test-size", 0, *small("strokes"))  # fmt: skip
    assert result.exit_code == 0, result.output


def test_data_convert():
    put_table()
    result = run("data", "convert", "table", "data.csv", "-o", "new")
    assert result.stdout == "new/data.csv: 24 samples\n"
    old, new = load_lines("data.csv", as_arrays=True), load_lines("new/data.csv", as_arrays=True)
    assert old.text.tolist() == new.text.tolist() and old.writer.tolist() == new.writer.tolist()
    assert all(map(np.array_equal, old.images, new.images))
    rows = list(csv.DictReader(open("new/data.csv", encoding="utf-8")))  # noqa: SIM115
    assert rows[3]["slant"] == "" and rows[4]["slant"] == "left"
    assert run("data", "convert", "table", "data.csv", "-o", "new").exit_code == 2
    Path("new/data.csv").unlink()
    result = run("data", "convert", "table", "data.csv", "-o", "new")
    assert result.exit_code == 2 and "new/images is not empty" in " ".join(result.stderr.split())
    assert run("data", "convert", "table", "data.csv", "-o", "new", "--force").exit_code == 0
    result = run("data", "convert", "table", "none.csv", "-o", "never")
    assert result.exit_code == 1 and not Path("never").exists()
    result = run("data", "convert", "table", "data.csv", "-o", "data.csv")
    assert result.exit_code == 2 and "data.csv is a file; name a folder" in result.stderr
    for inside in (".", "below"):
        result = run("data", "convert", "lines", ".", "-o", inside)
        assert result.exit_code == 2 and "folder that is read" in " ".join(result.stderr.split())
    put_table("ink.csv", ink=True)
    result = run("data", "convert", "table", "ink.csv", "-o", "ink")
    assert result.exit_code == 2 and "pen strokes can't be converted" in result.stderr


def test_rows_of_one_image_stay_on_one_side():
    X = np.array(["a.png", "b.png", "./a.png", "c.png", "d.png", "c.png"], object)
    text, writer = np.array(list("abxcdy"), object), np.array(list("001233"), object)
    for seed in range(10):
        plain, grouped = Samples(X, text), Samples(X, text, writer)
        for samples in (plain, grouped):
            train, test = split("lines", samples, 0.4, seed)
            sides = [{Path(name) for name in side.X} for side in (train, test)]
            assert all(sides) and not sides[0] & sides[1]
        assert not set(train.writer) & set(test.writer)


def test_of_one_writer_pages_or_samples_are_held_out():
    X = np.array([f"{i}.png" for i in range(8)], object)
    one, two = np.array(list("aaaaaaaa")), np.array(list("ppppqqqq"))
    with pytest.raises(ValueError, match="all samples are of one writer or page"):
        split("lines", Samples(X, writer=one), 0.25, 0)
    train, test = split("lines", Samples(X, writer=one), 0.25, 0, one_writer=True)
    assert len(train) == 6 and len(test) == 2
    for page in (two, one):
        train, test = split("lines", Samples(X, writer=one, page=page), 0.25, 0, one_writer=True)
        assert len(test) == (4 if page is two else 2)
    train, test = split("lines", Samples(X, writer=two), 0.25, 0, one_writer=True)
    assert len(set(train.writer)) == len(set(test.writer)) == 1


def test_one_writer_is_learnt_from_a_table():
    assert run("train", "lines", put_table(), "-o", "m.hwsk", *small("lines")).exit_code == 0
    rows = Path(put_table("own.csv", n=5)).read_text("utf-8").splitlines()
    own = [rows[0], *(re.sub(r",ww\d+,[^,]+", ",me,p1", row) for row in rows[1:])]
    start = ("train", "lines", "own.csv", "--start", "m.hwsk", "--set", "max_epochs=1")
    Path("own.csv").write_text("\n".join(own), "utf-8")
    result = run(*start, "-o", "mine.hwsk", "--layout", "table", "--json")
    assert result.exit_code == 0, result.stderr
    assert {(score["low"], score["high"]) for score in json.loads(result.stdout)["scores"]} == {
        (None, None)
    }
    assert "(no interval: one sample) |" in Path("mine.md").read_text("utf-8")
    Path("own.csv").write_text("\n".join(own[:5]), "utf-8")
    result = run(*start, "-o", "new.hwsk", "--layout", "table")
    words = "needs 4 lines or more, and there are 3 lines beside 1 that --test-size 0.2 holds out"
    assert result.exit_code == 1 and f"{words}: give more, or --test-size 0" in result.stderr
    result = run(*start, "-o", "new.hwsk", "--layout", "table", "--test-size", 0)
    assert result.exit_code == 0 and "Not evaluated" in Path("new.md").read_text("utf-8")
    Path("own.csv").write_text("\n".join(own[:2]), "utf-8")
    result = run(*start, "-o", "one.hwsk", "--layout", "table", "--test", "own.csv")
    assert result.exit_code == 1 and "and there is 1 line: give more\n" in result.stderr


def test_intervals_over_one_writer_or_one_page_are_over_samples():
    X, one, two = np.arange(4), np.array(list("aaaa")), np.array(list("aabb"))
    assert unit("lines", Samples(X, writer=two, page=one)) == "writers"
    assert unit("writers", Samples(X, writer=two, page=two)) == "pages"
    assert unit("lines", Samples(X, writer=one, page=two)) == "samples"
    assert unit("writers", Samples(X, writer=two, page=one)) == "samples"
    assert unit("lines", Samples(X)) == "samples"


def test_samples_in_both_sets_are_counted_by_content():
    images = list(np.arange(24, dtype=np.uint8).reshape(4, 2, 3))
    assert count_shared(Samples(images[:3]), Samples(images[2:])) == 1
    Path("a").write_bytes(b"one")
    Path("b").write_bytes(b"one")
    assert count_shared(Samples(["a"]), Samples(["b", "a"])) == 2


@pytest.mark.parametrize("table", ["other.csv", "data.csv"])
def test_convert_never_writes_over_what_it_reads(table):
    put_table()
    assert run("data", "convert", "table", "data.csv", "-o", "new").exit_code == 0
    Path("new", table).write_text(
        "path,text\nimages/000003.png,b\nimages/000000.png,a\n", encoding="utf-8"
    )
    before = {path: path.read_bytes() for path in Path("new").rglob("*.*")}
    result = run("data", "convert", "lines", f"new/{table}", "-o", "new", "--force")
    assert result.exit_code == 2 and "is an input" in " ".join(result.stderr.split())
    assert before == {path: path.read_bytes() for path in Path("new").rglob("*.*")}


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize(
    ("layout", "folder"),
    [("mnist:test", "mnist"), ("cedar", "cedar_signatures"), ("and", "and"), ("iam", "iam")],
)
def test_official_layouts(layout, folder, monkeypatch, tmp_path):
    monkeypatch.setenv("HWSK_DATA", str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples = _training.read_samples(layout, str(DATA / folder))
    assert len(samples) > 1000 and samples.writer is not None


def test_a_model_that_can_not_be_scored_is_saved():
    table = put_table(ink=True)
    rows = Path(table).read_text(encoding="utf-8").splitlines()
    held_out = [rows[0], rows[1].replace(rows[1].split(",")[1], "Xi")]
    Path("held_out.csv").write_text("\n".join(held_out) + "\n", encoding="utf-8")
    result = run("train", "synthesizer", table, "-o", "model.hwsk", "--layout", "table",
                 "--test", "held_out.csv", *small("synthesizer"))  # fmt: skip
    assert result.exit_code == 1
    assert "the model is saved as model.hwsk, but the test samples can't be scored" in result.stderr
    assert "'X'" in result.stderr and "Traceback" not in result.stderr
    assert hwsk.load("model.hwsk").alphabet_
    assert not list(Path().glob("*.pt"))  # the checkpoint is no longer needed
