"""Guard the server: who asks, from which page, with what, and how much; and what a page may do."""

from __future__ import annotations

import ipaddress
import secrets
import socket
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hwsk.studio._errors import Refusal, error_body
from hwsk.studio._settings import Settings

COOKIE = "hwsk_token"
_SAFE = ("GET", "HEAD", "OPTIONS")
_BODIES = ("application/json", "multipart/form-data")
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


def is_loopback(host: str) -> bool:
    """Indicate an address that no other machine reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """Check each request before the application sees it, and add headers to each response.

    Refused are: a ``Host`` that is neither an address nor a name of this machine, since a web site
    can let its own name lead here (DNS rebinding); a request that changes something and comes from
    another site's page (CSRF); a body of another kind than JSON or a form, or one that is too
    large; and, where there is a token, a request without it.

    Parameters
    ----------
    app : ASGI application
        What is guarded.
    settings : Settings
        Token and limits.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings
        self.given = {name.lower() for name in settings.names}
        machine = socket.gethostname().lower()
        self.names = {"localhost", settings.host.lower(), machine, f"{machine}.local", *self.given}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request, and pass it on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return  # there are no WebSockets

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        try:
            self._check_host(headers)
            if (response := self._check_token(scope, headers)) is None:
                if scope["method"] not in _SAFE:
                    self._check_origin(headers)
                receive = self._limited(scope["method"], headers, receive)
        except Refusal as error:
            body = error_body(error.code, error.detail)
            response = JSONResponse(body, error.status_code, error.headers)
        await (self.app if response is None else response)(scope, receive, send_guarded)

    def _check_host(self, headers: Headers) -> None:
        given = headers.get("host", "")
        try:
            name = urlsplit(f"//{given}").hostname or ""
            known = name in self.names or bool(ipaddress.ip_address(name))
        except ValueError:
            known = False
        if not known:
            raise Refusal(
                400,
                "host",
                f"the header Host is {given!r:.80}; expected an address or the name of this "
                "machine, such as 127.0.0.1 or localhost; `hwsk serve --name` allows another",
            )

    def _check_token(self, scope: Scope, headers: Headers) -> Response | None:
        """Return None if the token is right, and a redirection that sets it as a cookie."""
        if self.settings.token is None:
            return None
        asked = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        if asked and scope["method"] == "GET" and scope["path"] == "/" and self._is_token(asked):
            response = RedirectResponse("/", 303)
            # "strict" would refuse whoever follows the printed address from a page, such as a mail.
            response.set_cookie(COOKIE, asked, httponly=True, samesite="lax")
            return response
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(given.strip()):
            return None
        if self._is_token(cookie_parser(headers.get("cookie", "")).get(COOKIE, "")):
            return None
        raise Refusal(
            401,
            "token",
            "this server asks for a token: open the address that `hwsk serve` printed, or send the "
            "header 'Authorization: Bearer TOKEN'",
            {"WWW-Authenticate": "Bearer"},
        )

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), str(self.settings.token).encode())

    def _check_origin(self, headers: Headers) -> None:
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        is_own = self._is_own(origin, headers.get("host", ""))
        if not is_own or site not in (None, "same-origin", "none"):
            raise Refusal(
                403,
                "origin",
                f"the request comes from a page of {origin or site!r:.80}; only this server's own "
                "page may send it",
            )

    def _is_own(self, origin: str | None, host: str) -> bool:
        """Indicate the origin of the own page; a proxy may have put another name into ``Host``."""
        if origin is None:
            return True
        try:
            place = urlsplit(origin)
            return place.netloc == host or place.hostname in self.given
        except ValueError:
            return False

    def _limited(self, method: str, headers: Headers, receive: Receive) -> Receive:
        """Check kind and size of a body, and return a `receive` that counts it."""
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if method in ("POST", "PUT", "PATCH") and kind not in _BODIES:
            raise Refusal(
                415,
                "content-type",
                f"the content type is {kind!r:.60}; expected {' or '.join(_BODIES)}",
            )
        is_form = kind == _BODIES[1]
        most = self.settings.upload_bytes if is_form else self.settings.json_bytes
        too_large = Refusal(
            413, "too-large", f"the request is larger than {most:,} bytes, which is the limit"
        )
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > most:
            raise too_large
        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise too_large
            return message

        return receive_counted
