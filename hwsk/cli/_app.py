"""Run commands: groups in the help, errors and warnings in one line, exit codes, odd names."""

from __future__ import annotations

import codecs
import sys
import warnings
from typing import Any

import click

import hwsk

SECTIONS = {
    "Get started": ["demo", "info"],
    "Recognize text": ["read", "recognize", "preprocess"],
    "Compare and identify writers": ["verify", "compare", "identify"],
    "Write": ["write"],
    "In the browser": ["serve"],
    "Train and evaluate": ["train", "evaluate"],
    "Models and data": ["models", "data"],
}
"""The commands by job, as `hwsk --help` lists them."""


class Commands(click.Group):
    """A group whose commands report what went wrong in one line, not in a traceback."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command; names that the encoding of the output lacks are not an error."""
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                is_utf8 = codecs.lookup(stream.encoding).name == "utf-8"
                stream.reconfigure(errors="surrogateescape" if is_utf8 else "backslashreplace")
        return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; errors of files, values and missing packages become messages."""
        n_warnings = 0

        def show(message: Warning | str, *args: Any) -> None:
            nonlocal n_warnings
            n_warnings += 1
            click.echo(f"Warning: {one_line(str(message))}", err=True)

        with warnings.catch_warnings():
            if not sys.warnoptions:  # python -W and PYTHONWARNINGS decide otherwise
                warnings.simplefilter("always", UserWarning)
            # `catch_warnings` puts the former function back
            warnings.showwarning = show  # type: ignore[assignment]
            try:
                result = super().invoke(ctx)
            except (click.exceptions.Exit, click.Abort):  # both are RuntimeErrors
                raise
            except (OSError, ValueError, TypeError, RuntimeError, ImportError) as error:
                if isinstance(error, BrokenPipeError):
                    raise
                raise click.ClickException(error_line(error)) from error
        if n_warnings and ctx.params.get("strict"):
            raise click.exceptions.Exit(1)
        return result

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands under the headings of `SECTIONS`."""
        for title, names in SECTIONS.items():
            rows = [(name, self.commands[name].get_short_help_str(200)) for name in names]
            with formatter.section(title):
                formatter.write_dl(rows)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(hwsk.__version__)
@click.option("--strict", is_flag=True, help="Exit with 1 after a warning, too.")
def main(strict: bool) -> None:
    """Recognize, compare, identify, write and learn handwriting.

    MODEL is the name of a pretrained model (`hwsk models list`) or a file that hwsk.save wrote.

    Results go to standard output, warnings and errors to standard error, each in one line. The exit
    code is 0 if all went well, 1 if an input failed, 2 if the command line is wrong. A file name
    that begins with a dash follows `--`.
    """


def error_line(error: Exception) -> str:
    """Return an error in one line."""
    if isinstance(error, FileNotFoundError) and error.filename is not None:
        return f"no such file: {show_name(error.filename)}"
    return one_line(str(error))


def one_line(text: str) -> str:
    """Return a text with its line breaks and runs of blanks made one blank."""
    return " ".join(text.split())


def show_name(name: object) -> str:
    """Return a file name with control characters escaped, so that it stays in its line."""
    return "".join(
        character if character.isprintable() or not character.isascii() else repr(character)[1:-1]
        for character in str(name)
    )
