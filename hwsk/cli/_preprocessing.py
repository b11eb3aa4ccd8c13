"""Define `hwsk preprocess`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hwsk._files import write_file
from hwsk.cli._app import show_name
from hwsk.cli._common import (
    check_output,
    for_each_image,
    force_option,
    make_folder,
    refuse_inputs,
    report_bad,
)


@click.command()
@click.argument("kind", type=click.Choice(["lines", "characters", "signatures"]), metavar="KIND")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder for the PNG files, named as the images.",
)
@click.option("--height", type=click.IntRange(8), help="Pixels: 40 for lines, 28 for characters.")
@force_option
def preprocess(
    kind: str, images: tuple[str, ...], output: Path, height: int | None, force: bool
) -> None:
    """Clean and normalize images, as models of this kind see them.

    KIND is lines (grey, ink and paper separated, level, cropped, upright, of one height),
    characters (light ink on dark, square) or signatures (background removed, level). Prints the
    file of each image.
    """
    import cv2

    make_folder(output)
    targets: dict[str, Path] = {}
    for name in images:
        target = output / f"{Path(name).stem}.png"
        if target in targets.values():
            raise click.BadParameter(
                f"two images would be written to {show_name(target)}: rename one, or preprocess "
                "each folder by itself",
                param_hint="IMAGE",
            )
        check_output(target, force)
        targets[name] = target
    refuse_inputs(targets.values(), images)
    steps = make_steps(kind, height)
    bad: list[str] = []
    for name, image in for_each_image(steps.fit_transform, images, bad):
        write_file(targets[name], cv2.imencode(".png", image)[1].tobytes())
        click.echo(show_name(targets[name]))
    report_bad(bad, len(images))


def make_steps(kind: str, height: int | None = None) -> Any:
    """Make the preprocessing that models of a kind begin with."""
    from sklearn.pipeline import make_pipeline

    from hwsk import preprocessing

    if kind == "characters":
        return preprocessing.CharacterNormalizer(height or 28)
    if kind == "signatures":
        if height is not None:
            raise click.BadParameter(
                "signatures are always fitted to 96 x 192 pixels", param_hint="--height"
            )
        return preprocessing.SignatureNormalizer()
    return make_pipeline(
        preprocessing.Grayscale(),
        preprocessing.Binarizer(),
        preprocessing.Deskewer(),
        preprocessing.InkCropper(),
        preprocessing.Deslanter(),
        preprocessing.HeightNormalizer(height or 40, method="moments", stroke_spacing=13.0),
    )
