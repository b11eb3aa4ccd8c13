"""Run the server: choose the token, print the address, open the page if that is asked for."""

from __future__ import annotations

import secrets
import socket
import sys
import threading
import webbrowser

import uvicorn

from hwsk.studio._app import create_app, warm_up
from hwsk.studio._security import is_loopback
from hwsk.studio._settings import Settings


def serve(host: str, port: int, token: str | None, open_page: bool) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    host : str
        Address to listen on.
    port : int
        Port to listen on; 0 for one that is free.
    token : str or None
        What requests have to show. None: nothing on loopback; elsewhere one is made up.
    open_page : bool
        Whether to open the page in a browser.

    Raises
    ------
    OSError
        If the address can't be listened on; it is named.
    """
    if token is None and not is_loopback(host):
        token = secrets.token_urlsafe(18)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise OSError(f"can't listen on {host}, port {port}: {reason}") from None
        name = f"[{host}]" if ":" in host else host
        address = f"http://{name}:{listener.getsockname()[1]}/"
        if token is not None:
            address += f"?token={token}"
        app = create_app(Settings(host=host, token=token))
        print("loading the models ...", file=sys.stderr, flush=True)
        warm_up(app.state.studio)
        print(f"hwsk studio: {address}  (Ctrl+C ends it)", flush=True)
        if not is_loopback(host):
            print(
                "Warning: other machines can reach this, unencrypted; whoever has the token can "
                "use it",
                file=sys.stderr,
            )
        if open_page:
            threading.Timer(0.5, webbrowser.open, [address]).start()
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, timeout_keep_alive=20
        )
        uvicorn.Server(config).run(sockets=[listener])
