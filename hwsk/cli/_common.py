"""Share what several commands need: models, outputs, JSON, images that fail."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

import hwsk
from hwsk._wording import count
from hwsk.cli._app import error_line, show_name

BATCH = 256  # images in memory at a time

ABILITIES = {
    "PageReader": ("read", "finds and recognizes the text of pages"),
    "LineSegmenter": ("segment", "finds the text lines of pages"),
    "CTCRecognizer": ("recognize", "recognizes words or lines of text"),
    "InkRecognizer": ("recognize", "recognizes the text of pen strokes"),
    "SpellingCorrector": ("recognize", "recognizes words or lines of text"),
    "CharacterClassifier": ("recognize", "recognizes single characters"),
    "WriterClassifier": ("identify", "identifies the writer of a line or page"),
    "SiameseVerifier": ("verify", "says whether two samples are by the same writer"),
    "HandComparer": ("compare", "compares two samples and gives reasons"),
    "MultiTaskClassifier": ("describe", "names features of handwriting"),
    "VariationalAutoencoder": ("represent", "encodes images as vectors"),
    "WriterEmbedder": ("represent", "encodes images as vectors"),
    "VLADEncoder": ("represent", "encodes images as vectors"),
    "StrokePredictor": ("predict strokes", "predicts pen strokes"),
    "HandwritingSynthesizer": ("write", "writes text as pen strokes"),
    "NgramLanguageModel": ("model language", "gives the probability of a text"),
}
"""What the estimators of hwsk are for: a task of the registry, and what to say of it."""


def last_step(estimator: Any) -> Any:
    """Return the last step of a Pipeline, or the estimator itself."""
    return estimator[-1] if hasattr(estimator, "steps") else estimator


def load_model(model: str, task: str, *, also: str | None = None) -> Any:
    """Load a fitted model that is for a task, or one of the class `also`.

    Raises
    ------
    ValueError
        If the model is for something else; the message says what it does, and which models do.
    """
    from sklearn.utils.validation import check_is_fitted

    estimator = hwsk.load(model)
    kind = type(last_step(estimator)).__name__
    found, does = ABILITIES.get(kind, ("", "is not an estimator of handwriting"))
    if found != task and kind != also:
        shown = show_name(model)
        kind = f"a {kind}" if kind == type(estimator).__name__ else f"a Pipeline ending in {kind}"
        raise ValueError(f"{shown} holds {kind}, which {does}; {_suitable(task, also)}")
    check_is_fitted(estimator)
    return estimator


def _suitable(task: str, also: str | None) -> str:
    """Return what models a command takes: those for its task, and those that hold an `also`."""
    from hwsk.models._registry import registry

    classes = [kind for kind, (of, _) in ABILITIES.items() if of == task]
    classes += [] if also is None else [also]
    names = models_for(task)
    names += [
        name for name, record in registry().items() if record["class"].rpartition(".")[2] == also
    ]
    ready = f": {', '.join(names)}" if names else " (none is shipped yet)"
    return f"this command takes a pretrained model{ready}; or your own {' or '.join(classes)}"


def models_for(task: str) -> list[str]:
    """Return the names of the pretrained models for a task."""
    from hwsk.models._registry import registry

    return [name for name, record in registry().items() if record["task"] == task]


def echo_inputs(task: str, model: str) -> None:
    """Print on standard error which input a model takes, and which the other ones for its task."""
    from hwsk.models._registry import registry

    takes = {name: registry()[name]["input"] for name in models_for(task)}
    own = [f"{model} takes {takes.pop(model)}"] if model in takes else []
    others = [f"-m {name} takes {of_name}" for name, of_name in takes.items()]
    click.echo(f"Hint: {'; '.join(own + others)}", err=True)


def model_option(task: str, default: str | None = None) -> Callable[[Any], Any]:
    """Make the option `--model`."""
    return click.option(
        "-m",
        "--model",
        default=default,
        required=default is None,
        show_default=True,
        help=f"A pretrained model for this ({', '.join(models_for(task)) or 'none yet'}), or a "
        "file.",
    )


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
force_option = click.option("--force", is_flag=True, help="Overwrite files that are there.")


def check_output(path: Path, force: bool, what: str = "-o") -> None:
    """Refuse an output that is there already, or whose folder is not, before any work is done."""
    if not path.parent.is_dir():
        raise click.BadParameter(
            f"the folder {show_name(path.parent)} does not exist", param_hint=what
        )
    if path.is_dir():
        raise click.BadParameter(f"{show_name(path)} is a folder; name a file", param_hint=what)
    if path.exists() and not force:
        raise click.BadParameter(
            f"{show_name(path)} is there already; --force overwrites it", param_hint=what
        )
    if path.is_file() or not path.exists():  # a device is written to as it is
        _check_writable(Path(os.path.realpath(path)).parent, what)


def _check_writable(folder: Path, what: str) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise click.BadParameter(
            f"nothing can be written into the folder {show_name(folder)}: permission denied",
            param_hint=what,
        )


class Number(click.FloatRange):
    """A number in a range; NaN, which compares with nothing, is none."""

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Refuse NaN, which `FloatRange` lets pass."""
        number: float = super().convert(value, param, ctx)
        if number != number:
            self.fail(f"{value!r} is not a number", param, ctx)
        return number

    def _describe_range(self) -> str:
        """Leave out of the help a range without ends, which click calls x<=None."""
        return "" if self.min is self.max is None else super()._describe_range()


def refuse_inputs(outputs: Iterable[str | Path], inputs: Iterable[str | Path]) -> None:
    """Refuse to write over a file that is read, under whatever name, --force or not."""
    read = {os.path.realpath(name) for name in inputs}
    for name in outputs:
        if os.path.realpath(name) in read:
            raise click.BadParameter(
                f"{show_name(name)} is an input: it would be overwritten; name another output",
                param_hint="-o",
            )


def check_folder(folder: Path) -> None:
    """Refuse an output folder that is a file, or can't be made as the one above is not there."""
    if folder.exists() and not folder.is_dir():
        raise click.BadParameter(f"{show_name(folder)} is a file; name a folder", param_hint="-o")
    if not folder.parent.is_dir():
        raise click.BadParameter(
            f"the folder {show_name(folder.parent)} does not exist", param_hint="-o"
        )
    _check_writable(folder if folder.exists() else folder.parent, "-o")


def make_folder(folder: Path) -> None:
    """Make an output folder, if it is not there."""
    check_folder(folder)
    folder.mkdir(exist_ok=True)


def to_json(value: Any) -> str:
    """Return JSON with numbers rounded to six digits and file names kept byte by byte."""
    rounded = json.loads(
        json.dumps(value, default=_plain), parse_float=lambda digits: float(f"{float(digits):.6g}")
    )
    text = json.dumps(rounded, ensure_ascii=False, indent=1)
    return text.encode("utf-8", "backslashreplace").decode()  # bytes of a name that are not UTF-8


def _plain(value: Any) -> Any:
    """Turn numpy's numbers and arrays, and paths, into plain values."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def echo_table(heading: str, rows: Iterable[str]) -> None:
    """Print rows; above them, on a terminal only, the heading: programs read rows alone."""
    if sys.stdout.isatty():
        click.echo(heading)
    for row in rows:
        click.echo(row)


def for_each_image(
    compute: Callable[[Any], Any],
    paths: Sequence[str],
    bad: list[str],
    load: Callable[[str], Any] | None = None,
) -> Iterator[tuple[str, Any]]:
    """Yield path and what `compute` gives for it; what is wrong with a file goes to `bad`.

    `compute` is given paths of images, or what `load` makes of paths.
    """
    for start in range(0, len(paths), BATCH):
        good, samples = [], []
        for path in paths[start : start + BATCH]:
            try:
                samples.append((load or _check_image)(path))
                good.append(path)
            except (OSError, ValueError) as error:
                bad.append(error_line(error))
        if good:
            try:
                yield from zip(good, compute(samples), strict=True)
            except ValueError:
                yield from _singly(compute, good, samples, bad)


def _check_image(path: str) -> str:
    """Decode an image: once more in `compute`, which names files in its warnings."""
    from hwsk._data.decoding import decode

    decode(path)
    return path


def _singly(
    compute: Callable[[Any], Any], paths: Sequence[str], samples: Sequence[Any], bad: list[str]
) -> Iterator[tuple[str, Any]]:
    """Do as `for_each_image`, where a file can be read but the model can't take it."""
    for path, sample in zip(paths, samples, strict=True):
        try:
            yield path, compute([sample])[0]
        except ValueError as error:
            message = error_line(error)
            bad.append(message if path in message else f"{show_name(path)}: {message}")


def list_images(name: str) -> list[str]:
    """Return the images of a folder, or the one image."""
    from hwsk.datasets._data_home import IMAGE_SUFFIXES, walk_files

    path = Path(name)
    if not path.is_dir():
        return [name]
    if images := [str(file) for file in walk_files(path, IMAGE_SUFFIXES)]:
        return images
    raise ValueError(f"the folder {show_name(name)} holds no image")


def report_bad(bad: Sequence[str], n: int) -> None:
    """Name images that failed on standard error, and exit with 1 if there are any."""
    for message in bad:
        click.echo(f"Error: {message}", err=True)
    if bad:
        click.echo(f"{len(bad)} of {count(n, 'file')} could not be read", err=True)
        raise click.exceptions.Exit(1)
