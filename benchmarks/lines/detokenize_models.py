"""Let the readers of English in models/ return text that is spaced as in print.

    python -m benchmarks.lines.detokenize_models --out models
    python -m benchmarks.models.register

The scripts that train them do so, too.
`lines/decoding.py --shipped` and `pages/evaluate.py` print error
rates in both spacings.
"""

from __future__ import annotations

from pathlib import Path

import click

import hwsk

READERS = {"iam-lines": False, "iam-words": True, "english-pages": False}  # half_precision


@click.command()
@click.option("--out", default="models", type=click.Path(exists=True, path_type=Path))
def main(out: Path) -> None:
    """Set detokenize in OUT/iam-lines.hwsk, iam-words.hwsk and english-pages.hwsk."""
    for name, half_precision in READERS.items():
        whole = hwsk.load(out / f"{name}.hwsk")
        steps = getattr(whole, "recognizer", whole)
        steps[-1].set_params(detokenize=True)
        hwsk.save(whole, out / f"{name}.hwsk", half_precision=half_precision)


if __name__ == "__main__":
    main()
