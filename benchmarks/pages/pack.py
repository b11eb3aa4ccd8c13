"""Make the models `page-lines` and `english-pages` from the weights of a training.

    python -m benchmarks.pages.pack --pool /root/pages/pool --weights /root/pages/end/last.pt \\
        --epochs 19 --out models
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import torch

import hwsk
from benchmarks.pages.data import load_part
from hwsk.documents import LineSegmenter, PageReader
from hwsk.documents._crops import shape_line
from hwsk.preprocessing._paper import page_scale


@click.command()
@click.option("--pool", type=click.Path(path_type=Path), required=True)
@click.option("--weights", type=click.Path(path_type=Path), required=True)
@click.option("--epochs", type=int, required=True, help="Of all parts of the training together.")
@click.option("--recognizer", default="iam-lines", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(pool: Path, weights: Path, epochs: int, recognizer: str, out: Path) -> None:
    """Write OUT/page-lines.hwsk and OUT/english-pages.hwsk."""
    segmenter = LineSegmenter(random_state=0)
    heights = []
    for page in load_part(pool, "train").pages:
        scale = page_scale((page.height, page.width), segmenter.resolution)
        shapes = [shape_line(line, line.id) for line in page.lines]
        heights += [scale * (shape.above + shape.below) for shape in shapes]
    state = torch.load(weights, weights_only=True)
    segmenter._set_network_state({name: value.numpy() for name, value in state.items()})
    segmenter.line_height_ = float(np.nanmedian(heights))
    segmenter.n_iter_, segmenter.history_ = epochs, []
    hwsk.save(segmenter, out / "page-lines.hwsk")
    hwsk.save(PageReader(segmenter, hwsk.load(recognizer)), out / "english-pages.hwsk")
    print(f"line height {segmenter.line_height_:.1f}")


if __name__ == "__main__":
    main()
