"""Define `hwsk train` and `hwsk evaluate`."""

from __future__ import annotations

import ast
import contextlib
import sys
import tomllib
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

import hwsk
from hwsk._files import write_file
from hwsk._wording import count
from hwsk.cli._app import show_name
from hwsk.cli._cards import describe, make_card, unit
from hwsk.cli._common import (
    ABILITIES,
    Number,
    check_output,
    force_option,
    json_option,
    last_step,
    refuse_inputs,
    to_json,
)
from hwsk.cli._data import summarize
from hwsk.cli._jobs import JOBS, Job, Score, job_argument
from hwsk.cli._layouts import Samples, read_samples
from hwsk.cli._splits import count_shared, split

_FEW = 300  # lines: fewer are learnt by `fine_tune`, which keeps what was learnt before
_OF_FINE_TUNING = ("alpha", "max_epochs", "lr")
_FIXED = {"batch_size", "lr_schedule", "ema_decay", "early_stopping"}  # by `fine_tune`
_OPTIONS = {"random_state": "--seed", "device": "--device", "n_jobs": "--n-jobs"}

layout_option = click.option(
    "--layout",
    help="How the data lie in files: a name that `hwsk data list` prints, such as iam or "
    "emnist:train. By default lines for the jobs lines and characters, table for others.",
)


@click.command()
@job_argument
@click.argument("data", type=click.Path())
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="The new .hwsk file."
)
@layout_option
@click.option("--start", metavar="MODEL", help="Fine-tune this model, by name or file.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a parameter: lr=3e-4, or image_size=64,128 (height and width).",
)
@click.option("--config", type=click.Path(path_type=Path), help="A TOML file of parameters.")
@click.option("--test", type=click.Path(), help="Evaluate on these data, in the same layout.")
@click.option(
    "--test-layout", help="The layout of --test, such as emnist:test; that of DATA by default."
)
@click.option(
    "--test-size",
    type=Number(0, 0.9),
    default=0.2,
    show_default=True,
    help="Share of writers (or samples) held out, where there is no --test; 0 evaluates nothing.",
)
@click.option("--seed", default=0, show_default=True, help="Decides the split and the training.")
@click.option("--device", default="auto", show_default=True, help="Such as cpu, cuda, mps.")
@click.option("--n-jobs", type=int, help="Worker processes that prepare samples; -1 for all cores.")
@click.option("--resume", is_flag=True, help="Go on with a training that was interrupted.")
@force_option
@json_option
def train(
    job: str,
    data: str,
    output: Path,
    layout: str | None,
    start: str | None,
    settings: tuple[str, ...],
    config: Path | None,
    test: str | None,
    test_layout: str | None,
    test_size: float,
    seed: int,
    device: str,
    n_jobs: int | None,
    resume: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Train a model for JOB on DATA; print its scores, and write it and its card.

    JOB is vae, siamese, multitask, writers, characters, lines, ink, strokes or
    synthesizer.

    DATA is a folder or archive in an official layout, or your own CSV. Writers are held out to
    evaluate on, where they are known, and intervals are over writers. Beside the model
    NAME.hwsk there will be NAME.md, the card, and during the training NAME.ckpt, its state after
    each epoch.
    """
    from hwsk.models._files import find_model

    if output.suffix != ".hwsk":
        raise click.BadParameter(
            f"{show_name(output)} does not end in .hwsk, as models do", param_hint="-o"
        )
    chosen = JOBS[job]
    layout = layout or chosen.layout
    card, checkpoint = output.with_suffix(".md"), output.with_suffix(".ckpt")
    if test is None and test_layout is not None:
        raise click.UsageError("--test-layout is that of --test, which is not given")
    for file in (output, card):
        check_output(file, force)
    if start is not None:
        started = find_model(start)
        refuse_inputs([output, card], [started, started.with_suffix(".md")])
    if checkpoint.exists() and not resume and not force:
        raise click.BadParameter(
            f"{show_name(checkpoint)} is left from a training that was interrupted: --resume goes "
            "on with it, --force begins anew",
            param_hint="-o",
        )
    if resume and not checkpoint.exists():
        click.echo(f"{show_name(checkpoint)} is not there: training begins anew", err=True)
    given = _read_settings(config, settings)
    model = _make_model(chosen, layout, start)
    of_reader = start is not None and job == "lines"
    of_fine_tuning = {"alpha"} if of_reader else set()
    _set_parameters(model, {name: given[name] for name in given.keys() - of_fine_tuning})
    samples = read_samples(layout, data, job)
    chosen.check(samples, layout)
    held_out: Samples | None = None
    if test is not None:
        held_out = read_samples(test_layout or layout, test, job)
        chosen.check(held_out, test_layout or layout)
    elif test_size:
        samples, held_out = split(job, samples, test_size, seed, one_writer=of_reader)
    training: dict[str, Any] = {"random_state": seed, "device": device}
    if n_jobs is not None:
        training["n_jobs"] = n_jobs
    last_step(model).set_params(**training)
    if "alpha" in given and len(samples) >= _FEW:
        raise click.BadParameter(
            f"alpha is for fewer than {_FEW} lines, and these are {len(samples)}",
            param_hint="--set",
        )
    few = of_reader and len(samples) < _FEW
    if few:
        _check_lines(samples, held_out if test is None else None, test_size)
    if few and resume:
        raise click.BadParameter(
            f"fine-tuning on fewer than {_FEW} lines, as these {len(samples)}, keeps no state to "
            f"go on from; delete {show_name(checkpoint)} if it is not needed, and leave it out",
            param_hint="--resume",
        )
    n_seen = 0 if held_out is None else count_shared(samples, held_out)
    if n_seen:
        warnings.warn(
            f"the training set holds {n_seen} of {count(len(held_out or ()), 'test sample')}: the "
            "scores are better than those of new samples; test on others",
            stacklevel=1,
        )
    before: list[Score] = []
    if of_reader and held_out is not None:
        before = [
            score._replace(name=f"{score.name} of {show_name(start)}")
            for score in chosen.score(model, held_out)
        ]
    if not resume:  # only now: a mistake in the command must not cost it
        checkpoint.unlink(missing_ok=True)
    if few:
        model = _fine_tune(model, samples, given, seed)
    else:
        _fit(chosen, model, samples, checkpoint)
    hwsk.save(model, output)  # before it is scored: hours of training are not lost to one sample
    scores, unscored = before, None
    try:
        scores = [] if held_out is None else [*chosen.score(model, held_out), *before]
    except ValueError as error:
        unscored = error
    of = (samples, held_out, n_seen)
    shown = "" if start is None else show_name(start)
    if few:
        own = [f"{name}={given[name]!r}" for name in _OF_FINE_TUNING if name in given]
        shown += f", by `hwsk.recognition.fine_tune({', '.join(own)})`"
    write_file(card, make_card(output.stem, job, model, of, scores, f"{layout}, {data}", shown))
    checkpoint.unlink(missing_ok=True)
    if unscored is not None:
        raise ValueError(
            f"the model is saved as {show_name(output)}, but the test samples can't be scored: "
            f"{unscored}"
        )
    _print_scores(job, scores, held_out, as_json, {"model": output, "card": card})


@click.command()
@job_argument
@click.argument("model")
@click.argument("data", type=click.Path())
@layout_option
@json_option
def evaluate(job: str, model: str, data: str, layout: str | None, as_json: bool) -> None:
    """Print the scores of MODEL on DATA, with 95% intervals over writers where they are known.

    JOB is vae, siamese, multitask, writers, characters, lines, ink, strokes or
    synthesizer.

    The data should be of writers and texts that the model was not trained on: nothing checks this.
    """
    from sklearn.utils.validation import check_is_fitted

    chosen = JOBS[job]
    layout = layout or chosen.layout
    estimator = hwsk.load(model)
    _check_kind(estimator, model, chosen)
    check_is_fitted(estimator)
    samples = read_samples(layout, data, job)
    chosen.check(samples, layout)
    _print_scores(job, chosen.score(estimator, samples), samples, as_json, {"model": model})


def _make_model(job: Job, layout: str, start: str | None) -> Any:
    if start is None:
        return job.make(layout)
    model = hwsk.load(start)
    _check_kind(model, start, job)
    last_step(model).set_params(warm_start=True)
    return model


def _check_kind(model: Any, name: str, job: Job) -> None:
    kind = type(last_step(model)).__name__
    if kind != job.kind:
        does = ABILITIES.get(kind, ("", "is not an estimator of handwriting"))[1]
        raise ValueError(
            f"{show_name(name)} holds a {kind}, which {does}; this job is for a {job.kind}"
        )


def _read_settings(config: Path | None, settings: Sequence[str]) -> dict[str, Any]:
    """Return parameters by name: those of the file, then those of the command line."""
    from hwsk.datasets._data_home import read_text_lines

    found: dict[str, Any] = {}
    if config is not None:
        try:
            found.update(tomllib.loads("\n".join(read_text_lines(config, as_written=True))))
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{show_name(config)} is not TOML: {error}") from None
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{setting!r} is not NAME=VALUE", param_hint="--set")
        try:
            found[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError):  # a word, such as one_cycle
            found[name] = text
    return found


def _set_parameters(model: Any, settings: dict[str, Any]) -> None:
    """Set parameters of the last step, or by `step__parameter` of another."""
    last = last_step(model)
    names = last.get_params()
    step = model.steps[-1][0] if hasattr(model, "steps") else ""
    for name, value in settings.items():
        if option := _OPTIONS.get(name.removeprefix(f"{step}__")):
            raise click.BadParameter(f"{name} is what {option} sets", param_hint="--set")
        if name in names:
            last.set_params(**{name: value})
        elif name in model.get_params() and "__" in name:
            model.set_params(**{name: value})
        else:
            simple = [known for known in names if "__" not in known]
            raise click.BadParameter(
                f"{type(last).__name__} has no parameter {name!r}; it has {', '.join(simple)}",
                param_hint="--set or --config",
            )
    last._validate_params()


def _fit(job: Job, model: Any, samples: Samples, checkpoint: Path) -> None:
    """Fit a model, its state kept in a checkpoint; leave if the fit ends early."""
    from hwsk.callbacks import Checkpoint, OtherFitError

    last = last_step(model)
    verbose = 1 if sys.stderr.isatty() else 2
    state = Checkpoint(checkpoint)
    last.set_params(callbacks=[state], verbose=verbose)
    with contextlib.redirect_stdout(sys.stderr):  # a line an epoch is not a result
        try:
            job.fit(model, samples)
        except OtherFitError as error:
            raise ValueError(
                f"{show_name(checkpoint)} was left by a training with {error.differing}; --resume "
                "takes the same data and options, --force begins anew"
            ) from None
    last.set_params(callbacks=None, verbose=0)
    if state.interrupted_:
        kept = f", and {show_name(checkpoint)} keeps the state: --resume goes on with it"
        raise ValueError(
            f"training ended after {last.n_iter_} of {count(last.max_epochs, 'epoch')}; no model "
            f"was written{kept if checkpoint.exists() else ''}"
        )


def _check_lines(samples: Samples, held_out: Samples | None, test_size: float) -> None:
    """Refuse fewer lines than fine-tuning needs; say how many were held out."""
    from hwsk.recognition._fine_tuning import LEAST_LINES

    if len(samples) >= LEAST_LINES:
        return
    found, remedy = count(len(samples), "line"), "give more"
    if held_out is not None:
        found += f" beside {len(held_out)} that --test-size {test_size:g} holds out"
        remedy += ", or --test-size 0"
    verb = "is" if len(samples) == 1 else "are"
    raise ValueError(
        f"fine-tuning needs {LEAST_LINES} lines or more, and there {verb} {found}: {remedy}"
    )


def _fine_tune(model: Any, samples: Samples, settings: dict[str, Any], seed: int) -> Any:
    """Teach a reader of lines a new hand from a few lines; what it read before it still reads."""
    from hwsk.recognition import fine_tune

    wanted = {name: settings[name] for name in _OF_FINE_TUNING if name in settings}
    if fixed := sorted(settings.keys() & _FIXED):
        raise click.BadParameter(
            f"{fixed[0]} is fixed in fine-tuning on fewer than {_FEW} lines", param_hint="--set"
        )
    click.echo(f"{describe(samples)}: few, so fine-tuned by hwsk.recognition.fine_tune", err=True)
    last_step(model).set_params(warm_start=False)
    verbose = 1 if sys.stderr.isatty() else 2
    with contextlib.redirect_stdout(sys.stderr):
        return fine_tune(
            model, samples.X, list(samples.text), random_state=seed, verbose=verbose, **wanted
        )


def _print_scores(
    job: str,
    scores: Sequence[Score],
    samples: Samples | None,
    as_json: bool,
    more: dict[str, Any],
) -> None:
    if as_json:
        counts = {} if samples is None else summarize(samples)
        records = [score._asdict() for score in scores]
        click.echo(to_json({**more, "test": counts, "scores": records}))
        return
    if samples is not None:
        click.echo(f"On {describe(samples)}, 95% interval over {unit(job, samples)}:")
    for score in scores:
        click.echo(f"  {score.name:48}{score.value:10.4g}  {score.interval}")
    for name, file in more.items():
        click.echo(f"{name}: {show_name(file)}")
