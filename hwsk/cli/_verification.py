"""Define `hwsk verify` and `hwsk compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hwsk.cli._app import one_line, show_name
from hwsk.cli._common import (
    Number,
    check_output,
    echo_inputs,
    force_option,
    json_option,
    list_images,
    load_model,
    model_option,
    models_for,
    to_json,
)


@click.command()
@click.argument("questioned", type=click.Path())
@click.argument("references", nargs=-1, required=True, metavar="REFERENCE...")
@model_option("verify", "signature-verifier")
@click.option(
    "--threshold", type=Number(), help="Score from which to accept, instead of the model's."
)
@json_option
def verify(
    questioned: str,
    references: tuple[str, ...],
    model: str,
    threshold: float | None,
    as_json: bool,
) -> None:
    """Say whether the writer of the REFERENCEs wrote QUESTIONED.

    Prints the decision, its score and threshold, and, where the model is calibrated, the
    probability at even odds. With several references by one writer the score is the mean, and the
    threshold adapts to how much they vary. Images unlike those of the model's calibration, such as
    pages, stamps and two signatures in one image, are named, and get no decision; the exit code is
    1 then.
    """
    from hwsk.verification._references import refuse_copies

    verifier = load_model(model, "verify")
    refuse_copies(questioned, references)
    found: dict[str, Any] = {"model": model, "questioned": questioned}
    if len(references) == 1 and not hasattr(verifier, "calibration_"):
        found |= _verify_pair(verifier, [[questioned, references[0]]], model, threshold)
        found["references"] = {references[0]: found["score"]}
    else:
        if not hasattr(verifier, "verify"):
            raise ValueError(f"{show_name(model)} takes one reference, and these are several")
        result = verifier.verify(questioned, list(references))
        least = result.threshold if threshold is None else threshold
        found |= {
            "same_writer": None if result.doubts else result.score >= least,
            "score": result.score,
            "threshold": least,
            "probability": result.probability,
            "doubts": list(result.doubts),
            "references": dict(zip(references, result.pair_scores.tolist(), strict=True)),
        }
    if as_json:
        click.echo(to_json(found))
    elif found["doubts"]:
        click.echo(f"no decision: score {found['score']:.4g}, but the calibration does not hold")
    else:
        _echo_decision(found)
    if found["doubts"]:
        echo_inputs("verify", model)
        raise click.exceptions.Exit(1)


def _echo_decision(found: dict[str, Any]) -> None:
    probability = found["probability"]
    sure = "" if probability is None else f", probability {probability:.3f} at even odds"
    click.echo(
        f"{'same writer' if found['same_writer'] else 'different writers'}: score "
        f"{found['score']:.4g}, threshold {found['threshold']:.4g}{sure}"
    )


def _verify_pair(verifier: Any, pairs: Any, model: str, threshold: float | None) -> dict[str, Any]:
    if threshold is not None:
        verifier.set_threshold(threshold)
    found: dict[str, Any] = {
        "same_writer": bool(verifier.predict(pairs)[0] == 1),
        "score": float(verifier.decision_function(pairs)[0]),
        "threshold": float(verifier.threshold_),
        "probability": None,
        "doubts": [],
    }
    try:
        found["probability"] = float(verifier.predict_proba(pairs)[0, 1])
    except (AttributeError, ValueError):
        click.echo(f"Warning: {show_name(model)} gives no probability", err=True)
    return found


@click.command()
@click.argument("a", type=click.Path())
@click.argument("b", type=click.Path())
@model_option("compare", next(iter(models_for("compare")), None))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write a report too: .html or .pdf."
)
@force_option
@json_option
def compare(a: str, b: str, model: str, output: Path | None, force: bool, as_json: bool) -> None:
    """Compare the handwriting of A and B, with reasons.

    A and B are images, or folders of images by one writer each. Prints a likelihood ratio, in words
    too, and the features that support it. MODEL holds a HandComparer. Images that the model is not
    calibrated for get no ratio: they are named on standard error, with the models for others, and
    the exit code is 1.
    """
    if output is not None:
        if output.suffix.lower() not in (".html", ".htm", ".pdf"):
            raise click.BadParameter(
                f"{show_name(output)} ends neither in .html nor in .pdf", param_hint="-o"
            )
        check_output(output, force)
    comparer = load_model(model, "compare")
    comparison = comparer.compare(list_images(a), list_images(b))
    click.echo(_to_json(a, b, comparison) if as_json else str(comparison))
    if output is not None:
        write = comparison.to_pdf if output.suffix.lower() == ".pdf" else comparison.to_html
        write(output, details=_details(model))
        click.echo(f"report: {show_name(output)}", err=True)
    if comparison.doubts:
        echo_inputs("compare", model)
        raise click.exceptions.Exit(1)


def _to_json(a: str, b: str, comparison: Any) -> str:
    record = {
        "a": a,
        "b": b,
        "log_likelihood_ratio": comparison.log_likelihood_ratio,
        "probability": comparison.probability,
        "verbal": comparison.verbal,
        "doubts": list(comparison.doubts),
        "explanation": one_line(comparison.explanation),
        "distances": comparison.distances.reset_index().to_dict("records"),
        "features": comparison.features.reset_index().to_dict("records"),
    }
    return to_json(record)


def _details(model: str) -> dict[str, str]:
    """Return what a report states of a model: its file, and what the registry knows."""
    from hwsk._download import file_digest
    from hwsk.models._files import find_model
    from hwsk.models._registry import registry

    file = find_model(model)
    known = registry().get(model, {})
    stated = {"calibrated for": known.get("input"), "data": known.get("data")}
    of_file = {"model": file.name, "SHA-256 of the model": file_digest(file)}
    return of_file | {name: text for name, text in stated.items() if text is not None}
