"""Define `hwsk serve`."""

from __future__ import annotations

import re

import click


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on. Another than this machine's own needs the token that is printed.",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    help="Name by which a proxy or a network leads here, such as studio.example.org; several: give "
    "it again. Needs the token that is printed.",
)
@click.option("--token", help="What requests have to show. Default: none on 127.0.0.1.")
@click.option("--open", "open_page", is_flag=True, help="Open the page in a browser.")
def serve(port: int, host: str, names: tuple[str, ...], token: str | None, open_page: bool) -> None:
    """Read, draw, write, compare and identify in a browser, on this machine.

    Prints the address of the page. Nothing leaves the machine, and no other machine can reach the
    page unless --host says so. The JSON API beside it is described at /api/openapi.json.
    """
    try:
        from hwsk.studio._server import serve as run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("hwsk", "torch", "sklearn", "numpy"):
            raise
        raise click.ClickException(
            f"the studio needs {error.name}, which is not installed: pip install 'hwsk[studio]'"
        ) from None
    if token is not None and len(token) < 8:
        raise click.BadParameter(
            f"a token of {len(token)} characters is guessed too easily; 8 or more",
            param_hint="--token",
        )
    for name in names:
        if not re.fullmatch(r"[\w.-]+", name):
            raise click.BadParameter(
                f"{name!r} is not a host name; expected one such as studio.example.org, without "
                "scheme and port",
                param_hint="--name",
            )
    run(host, port, token, open_page, names)
