"""Printed results kept as CSV files, and the pages of the docs that show them."""

import csv
import importlib
import re
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import record

ROOT = Path(__file__).parents[1]
TABLES = sorted(ROOT.glob("docs/results/*.csv"))
PAGES = sorted([*ROOT.glob("docs/*.rst"), *ROOT.glob("docs/*.md")])


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        ("greedy: CER 0.0635 [0.0465, 0.0880], WER 0.21, 0.1 ms a line", [
            ("greedy", "CER", "0.0635", "0.0465", "0.0880", ""),
            ("greedy", "WER", "0.21", "", "", ""),
            ("greedy", "", "0.1", "", "", "ms a line"),
        ]),
        ("top 10, small: form-level top-1 0.980 [0.949, 1.000] of 98", [
            ("top 10, small", "form-level top-1", "0.980", "0.949", "1.000", "of 98"),
        ]),
        ("a, 12 references: EER 0.0830 (std of folds 0.0194); by fold 0.1, -0.2", [
            ("a, 12 references", "EER", "0.0830", "", "", "(std of folds 0.0194)"),
            ("a, 12 references", "by fold", "0.1", "", "", ""),
            ("a, 12 references", "by fold", "-0.2", "", "", ""),
        ]),
        ("{'lm_weight': 0.2, 'word_bonus': 1.0}: CER 0.0523; chosen; twice", [
            ("{'lm_weight': 0.2, 'word_bonus': 1.0}", "CER", "0.0523", "", "", "chosen, twice"),
        ]),
        ("paper: as a verifier, skilled EER +33.4%", [
            ("paper", "as a verifier, skilled EER", "+33.4%", "", "", ""),
        ]),
    ],
)  # fmt: skip
def test_a_printed_line_becomes_a_row_for_each_value(line, rows):
    assert record.parse([line]) == ([], rows)


def test_standard_input_is_passed_through_and_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "write", partial(record.write, results=tmp_path))
    printed = "2026-11-29 3 lines, seed 0\ngreedy: CER 0.5 [0.4, 0.6]\nno value\n"
    for name in ("lines/b", "lines/a", "lines/b"):
        result = CliRunner().invoke(record.main, [name], input=printed)
        assert result.exit_code == 0 and result.output == printed
    assert [run["name"] for run in record.read(tmp_path / "runs.csv")] == ["lines/a", "lines/b"]
    run = record.read(tmp_path / "runs.csv")[1]
    assert run["command"] == "python -m benchmarks.lines.b"
    assert run["run"] == "2026-11-29 3 lines, seed 0"
    (row,) = record.read(tmp_path / "lines" / "b.csv")
    assert (row["case"], row["score"], row["value"]) == ("greedy", "CER", "0.5")
    result = CliRunner().invoke(record.main, ["lines/c"], input="nothing\n")
    assert result.exit_code == 1 and "lines/c: there is no value" in result.output


def test_every_run_has_its_file_and_a_script_that_exists():
    runs = record.read(record.RESULTS / "runs.csv")
    assert runs == sorted(runs, key=lambda run: run["name"])
    for run in runs:
        rows = record.read(record.RESULTS / f"{run['name']}.csv")
        assert rows and all(row["value"] for row in rows), run["name"]
        module = re.match(r"python -m (benchmarks\.[\w.]+)", run["command"])[1]
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), run


def test_the_docs_show_every_run(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    page = importlib.import_module("generated_pages").printed(record.RESULTS)
    for run in record.read(record.RESULTS / "runs.csv"):
        assert f":file: ../../benchmarks/results/{run['name']}.csv\n" in page
        assert f"``{run['command']}``" in page and run["run"] in page


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_every_table_is_shown_and_has_cells_for_its_columns(path):
    with open(path, encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert rows and all(len(row) == len(header) for row in rows)
    directive = f":file: results/{path.name}\n"
    assert any(directive in page.read_text(encoding="utf-8") for page in PAGES)


def test_commands_in_docs_and_cards_exist():
    texts = [*PAGES, *ROOT.glob("models/*.md"), ROOT / "CONTRIBUTING.md", ROOT / "README.md"]
    pattern = r"python -m (benchmarks\.[a-z_.]+[a-z_])"
    named = {
        (path.name, module)
        for path in texts
        for module in re.findall(pattern, path.read_text(encoding="utf-8"))
    }
    assert len(named) > 40
    for name, module in named:
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), (name, module)
