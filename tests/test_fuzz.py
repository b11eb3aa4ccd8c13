"""Some hundreds of damaged and hostile files; `python -m benchmarks.files.fuzz` reads thousands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.skipif(not hasattr(os, "fork"), reason="files are read in forked processes")
def test_nothing_is_accepted_in_silence_hangs_or_crashes(tmp_path):
    script = [sys.executable, "-m", "benchmarks.files.fuzz", "--quick", "--keep"]
    run = subprocess.run(
        [*script, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=900
    )
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"
    *_, total = run.stdout.splitlines()
    name, read, refused, *wrong = total.split()
    assert name == "all" and int(refused) > 200 and int(read) > 10
    assert [int(number) for number in wrong] == [0, 0, 0, 0]
