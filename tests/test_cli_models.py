"""Commands over pretrained models: models, verify, compare, identify, preprocess."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

import hwsk
from hwsk.cli import main
from hwsk.cli._common import ABILITIES
from hwsk.datasets import make_handwriting, make_signatures
from hwsk.models._registry import registry

FOLDER = Path(__file__).parents[1] / "models"


@pytest.fixture(autouse=True)
def inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def put_images(images):
    names = [f"{i}.png" for i in range(len(images))]
    for name, image in zip(names, images, strict=True):
        cv2.imwrite(name, image)
    return names


def test_commands_know_the_tasks_of_the_registry():
    for record in registry().values():
        assert ABILITIES[record["class"].rpartition(".")[2]][0] == record["task"]


def test_models_list_and_info():
    lines = run("models", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == sorted(registry())
    assert "character error rate 0.036 (0.025 to 0.052), IAM, 632 lines" in "\n".join(lines)
    records = json.loads(run("models", "list", "--json", "--task", "verify").stdout)
    assert [record["name"] for record in records] == ["and-verifier", "signature-verifier"]
    assert records[0]["low"] == registry()["and-verifier"]["low"]
    assert run("models", "list", "--task", "fly").exit_code == 1

    shown = run("models", "info", "iam-lines").stdout
    assert "license: research use" in shown and "## Know before use" in shown
    assert (
        json.loads(run("models", "info", "iam-lines", "--json").stdout)["size"]
        == registry()["iam-lines"]["size"]
    )
    result = run("models", "info", "iam-line")
    assert result.exit_code == 1 and "did you mean 'iam-lines'" in result.stderr


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    ("command", "heading"),
    [
        (["models", "list"], ["NAME", "TASK", "SIZE", "SCORE"]),
        (["models", "verify", "emnist-characters"], ["NAME", "STATUS", "FILE"]),
        (["data", "list"], ["LAYOUT", "CONTENT", "TERMS", "SOURCE"]),
    ],
)
def test_tables_have_a_heading_on_a_terminal_only(command, heading):
    reader, writer = os.openpty()
    with subprocess.Popen([sys.executable, "-m", "hwsk", *command], stdout=writer) as process:
        os.close(writer)
        shown = b""
        try:
            while part := os.read(reader, 4096):
                shown += part
        except OSError:  # what Linux gives for the end of a terminal
            pass
        finally:
            os.close(reader)
    assert process.returncode == 0
    first, *rows = shown.decode().splitlines()
    assert first.split()[: len(heading)] == heading
    assert rows == run(*command).stdout.splitlines()


def test_models_get_and_verify(monkeypatch):
    name = "emnist-characters"
    assert run("models", "get", name).stdout == f"{FOLDER / name}.hwsk\n"
    result = run("models", "get", name, "-o", "copies")
    assert result.stdout == f"copies/{name}.hwsk\n"
    result = run("models", "get", name, "-o", "copies")
    assert result.exit_code == 2 and "is there already; --force" in result.stderr
    assert run("models", "get", name, "-o", "copies", "--force").exit_code == 0
    assert run("models", "get").exit_code == 2
    assert "the folder no does not exist" in run("models", "get", name, "-o", "no/where").stderr

    Path("file").touch()
    result = run("models", "get", name, "-o", "file")
    assert result.exit_code == 2 and "file is a file; name a folder" in result.stderr

    monkeypatch.setenv("HWSK_MODELS", "copies")
    assert run("models", "get", name, "-o", "copies").stdout == f"copies/{name}.hwsk\n"  # itself
    result = run("models", "verify", name, "iam-words")
    assert result.exit_code == 0 and f"right     copies/{name}.hwsk" in result.stdout
    Path("copies", f"{name}.hwsk").write_bytes(b"changed")
    result = run("models", "verify", name, "--json")
    assert result.exit_code == 1 and json.loads(result.stdout)[0]["status"] == "other"


def test_verify():
    made = make_signatures(2, n_genuine=2, n_forged=0, random_state=0)
    a, b, other, _ = put_images(made.images)
    record = json.loads(run("verify", a, b, "--json").stdout)
    verifier = hwsk.load("signature-verifier")
    assert record["questioned"] == a and record["references"] == {b: record["score"]}
    assert record["score"] == pytest.approx(verifier.decision_function([[a, b]])[0], rel=1e-5)
    assert record["probability"] == pytest.approx(verifier.predict_proba([[a, b]])[0, 1], rel=1e-5)
    assert record["same_writer"] == bool(verifier.predict([[a, b]])[0])
    words = "same writer" if record["same_writer"] else "different writers"
    assert run("verify", a, b).stdout.startswith(f"{words}: score ")
    assert run("verify", a, other, "--threshold", "-99").stdout.startswith("same writer")
    assert run("verify", a, other, "--threshold", 99).stdout.startswith("different writers")
    assert run("verify", a, "missing.png").stderr == "Error: no such file: missing.png\n"
    wrong = run("verify", a, b, "--model", "iam-lines")
    assert wrong.exit_code == 1 and "takes a pretrained model: and-verifier, sig" in wrong.stderr


def test_verify_with_several_references():
    made = make_signatures(1, n_genuine=4, n_forged=0, random_state=0)
    questioned, *references = put_images(made.images)
    record = json.loads(run("verify", questioned, *references, "--json").stdout)
    expected = hwsk.load("signature-verifier").verify(questioned, references)
    assert record["probability"] == pytest.approx(expected.probability, rel=1e-5)
    assert record["threshold"] == pytest.approx(expected.threshold, rel=1e-5)
    assert record["references"] == pytest.approx(
        dict(zip(references, expected.pair_scores, strict=True)), rel=1e-5
    )
    result = run("verify", questioned, *references, "--threshold", 99)
    assert result.stdout.startswith("different writers: score ") and "threshold 99" in result.stdout
    copy = run("verify", questioned, references[0], questioned)
    assert copy.exit_code == 1 and "are identical: a copy, not a comparison" in copy.stderr
    copy = run("verify", questioned, references[0], references[0])
    assert copy.exit_code == 1 and "are identical: give each once" in copy.stderr


def test_compare(monkeypatch):
    rng = np.random.default_rng(0)
    writers = np.repeat(np.arange(30), 4)
    images = (rng.normal(120, 20, (120, 12, 12)) + writers[:, None, None]).astype(np.uint8)
    vae = hwsk.VariationalAutoencoder(2, channels=(4, 4, 4, 4), max_epochs=1, random_state=0)
    comparer = hwsk.HandComparer(vae, n_images=2, random_state=0).fit(images, writers)
    hwsk.save(comparer, "comparer.hwsk")
    Path("b").mkdir()
    put_images(images[:1])
    for i in (1, 2):
        cv2.imwrite(f"b/{i}.png", images[i])
    record = json.loads(run("compare", "0.png", "b", "--model", "comparer.hwsk", "--json").stdout)
    expected = hwsk.load("comparer.hwsk").compare("0.png", ["b/1.png", "b/2.png"])
    assert record["probability"] == pytest.approx(expected.probability, rel=1e-5)
    assert set(record["distances"][0]) == {"part", "distance", "same_writer", "different_writers"}
    assert run("compare", "0.png", "b", "-m", "comparer.hwsk").stdout == f"{expected}\n"
    result = run("compare", "0.png", "b", "-m", "comparer.hwsk", "-o", "report.html")
    report = Path("report.html").read_text(encoding="utf-8")
    assert result.exit_code == 0 and result.stderr == "report: report.html\n"
    digest = hashlib.sha256(Path("comparer.hwsk").read_bytes()).hexdigest()
    assert f"<td>{digest}</td>" in report and "0.png" in report and report.count("<img") == 3
    with monkeypatch.context() as patch:  # the finding comes before the report
        patch.setattr(hwsk.verification.HandComparison, "to_pdf", lambda *args, **options: 1 / 0)
        result = run("compare", "0.png", "b", "-m", "comparer.hwsk", "-o", "report.pdf")
    assert isinstance(result.exception, ZeroDivisionError) and result.stdout == f"{expected}\n"
    again = run("compare", "0.png", "b", "-m", "comparer.hwsk", "-o", "report.html")
    assert again.exit_code == 2 and "report.html is there already; --force" in again.stderr
    other = run("compare", "0.png", "b", "-m", "comparer.hwsk", "-o", "report.txt")
    assert other.exit_code == 2 and "ends neither in .html nor in .pdf" in other.stderr
    same = run("compare", "0.png", "0.png", "-m", "comparer.hwsk")
    assert same.exit_code == 1 and "are identical: a copy, not a comparison" in same.stderr
    Path("c").mkdir()
    result = run("compare", "0.png", "c", "-m", "comparer.hwsk")
    assert result.exit_code == 1 and "the folder c holds no image" in result.stderr
    result = run("compare", "0.png", "b", "-m", "and-verifier")
    assert result.exit_code == 1 and "or your own HandComparer" in result.stderr


def test_identify():
    lines = make_handwriting(2, level="line", n_writers=1, height=110, random_state=0)
    names = put_images(lines.images)
    Path("bad.png").write_bytes(b"")
    result = run("identify", *names, "bad.png", "--json", "--top", 2)
    assert result.exit_code == 1 and "1 of 3 files could not be read" in result.stderr
    assert run("identify", *names, "--top", 0).exit_code == 2
    records = json.loads(result.stdout)
    classifier = hwsk.load("iam-writers")
    expected = classifier.predict_proba(names)
    for record, proba in zip(records, expected, strict=True):
        assert record["writers"][0]["writer"] == classifier.classes_[proba.argmax()]
        assert record["writers"][0]["probability"] == pytest.approx(proba.max(), rel=1e-4)
        assert len(record["writers"]) == 2
    pooled = classifier.predict_proba(names, pages=["one page"] * 2)[0]
    (record,) = json.loads(run("identify", *names, "--pool", "--json").stdout)
    assert record["writers"][0]["probability"] == pytest.approx(pooled.max(), rel=1e-4)
    row = run("identify", names[0], "--top", 1).stdout
    assert row == f"0.png\t{records[0]['writers'][0]['writer']} {expected[0].max():.3f}\n"


def test_preprocess():
    (line,) = put_images(make_handwriting(1, level="line", height=100, random_state=0).images)
    assert run("preprocess", "lines", line, "-o", "out").stdout == "out/0.png\n"
    assert cv2.imread("out/0.png", cv2.IMREAD_GRAYSCALE).shape[0] == 40
    assert run("preprocess", "lines", line, "-o", "out").exit_code == 2
    run("preprocess", "characters", line, "-o", "out", "--height", 32, "--force")
    assert cv2.imread("out/0.png", cv2.IMREAD_GRAYSCALE).shape == (32, 32)
    run("preprocess", "signatures", line, "-o", "out", "--force")
    assert cv2.imread("out/0.png", cv2.IMREAD_GRAYSCALE).shape == (96, 192)
    Path("sub").mkdir()
    cv2.imwrite("sub/0.png", np.zeros((9, 9), np.uint8))
    result = run("preprocess", "lines", line, "sub/0.png", "-o", "other")
    assert result.exit_code == 2 and "two images would be written" in result.stderr
    result = run("preprocess", "lines", "sub/../0.png", "-o", ".", "--force")
    assert result.exit_code == 2 and "0.png is an input" in result.stderr


def test_bad_input_of_verify_and_compare():
    """A page gets no decision and no ratio, but the names of the models for other input."""
    made = make_signatures(1, n_genuine=2, n_forged=0, random_state=8, clean=True)
    a, b = put_images(made.images)
    lines = make_handwriting(8, level="line", height=40, random_state=0).images
    width = max(line.shape[1] for line in lines)
    cv2.imwrite("page.png", np.vstack([np.pad(line, ((9, 9), (0, width - line.shape[1])),
                                              constant_values=255) for line in lines]))  # fmt: skip
    result = run("verify", "page.png", a)
    assert result.exit_code == 1 and result.stdout.startswith("no decision: score -")
    assert "image 0 of the questioned (page.png): " in result.stderr and "a page" in result.stderr
    assert "signature-verifier takes pairs of grey images of signatures" in result.stderr
    assert "-m and-verifier takes pairs of grey images of the word" in result.stderr
    result = run("verify", "page.png", a, b, "--json")
    record = json.loads(result.stdout)
    assert result.exit_code == 1
    assert record["same_writer"] is None and record["probability"] == 0.5
    assert record["doubts"][0].startswith("image 0 of the questioned (page.png): ")

    result = run("compare", "page.png", a, "-o", "report.html")
    assert result.exit_code == 1 and Path("report.html").is_file()
    assert result.stdout.startswith("No ratio is given")
    assert "and-comparer takes grey images of the word" in result.stderr
    assert "-m signature-comparer takes grey images of signatures" in result.stderr
    result = run("compare", a, b, "-m", "signature-comparer")
    assert result.exit_code == 0
    assert "times likelier" in result.stdout and "Hint" not in result.stderr


def test_recognize_points_to_read():
    lines = make_handwriting(3, level="line", height=60, random_state=0).images
    width = max(line.shape[1] for line in lines)
    padded = [np.pad(x, ((9, 9), (0, width - x.shape[1])), constant_values=255) for x in lines]
    a, b = put_images([np.vstack(padded), padded[0]])
    for options in ((), ("--csv",), ("--json",)):
        result = run("recognize", "iam-lines", a, b, *options)
        assert f"Hint: {a} looks like several lines of text" in result.stderr
        assert "`hwsk read` finds the lines of pages" in result.stderr
        assert "Hint" not in run("recognize", "iam-lines", b, *options).stderr
    assert f"Hint: {a} and 1 more look" in run("recognize", "iam-lines", a, a).stderr
