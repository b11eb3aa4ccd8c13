"""Run the server: choose the token, print the address, open the page if that is asked for."""

from __future__ import annotations

import contextlib
import secrets
import socket
import sys
import threading
import webbrowser
from urllib.parse import quote

import uvicorn

from hwsk.studio._app import create_app, warm_up
from hwsk.studio._security import is_loopback
from hwsk.studio._settings import Settings


def serve(
    host: str, port: int, token: str | None, open_page: bool, names: tuple[str, ...] = ()
) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    host : str
        Address to listen on.
    port : int
        Port to listen on; 0 for one that is free.
    token : str or None
        What requests have to show. None: nothing on loopback; elsewhere, and where others come by a
        name, one is made up.
    open_page : bool
        Whether to open the page in a browser.
    names : tuple of str, default=()
        Other names that lead here, such as that of a proxy.

    Raises
    ------
    OSError
        If the address can't be listened on; it is named.
    """
    is_private = is_loopback(host) and not names
    if token is None and not is_private:
        token = secrets.token_urlsafe(18)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise OSError(f"can't listen on {host}, port {port}: {reason}") from None
        address = _address(host, listener.getsockname()[1], token)
        app = create_app(Settings(host=host, names=names, token=token))
        print("loading the models ...", file=sys.stderr, flush=True)
        warm_up(app.state.studio)
        listener.listen()  # who opens the address at once waits and is not refused
        print(f"hwsk studio: {address}  (Ctrl+C ends it)", flush=True)
        if not is_private:
            print(
                "Warning: other machines can reach this by any name or address of this machine, "
                "unencrypted unless a proxy encrypts; whoever has the token can use it",
                file=sys.stderr,
            )
        if open_page:
            threading.Timer(0.5, webbrowser.open, [address]).start()
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, timeout_keep_alive=20
        )
        with contextlib.suppress(KeyboardInterrupt):  # the way to end it, raised again by uvicorn
            uvicorn.Server(config).run(sockets=[listener])


def _address(host: str, port: int, token: str | None) -> str:
    """Return the address of the page; of all addresses of a machine, that of its name."""
    if host in ("", "0.0.0.0", "::"):
        host = socket.gethostname()
    name = f"[{host}]" if ":" in host else host
    query = "" if token is None else f"?token={quote(token, safe='')}"
    return f"http://{name}:{port}/{query}"
