"""Who may use a dashboard that is served to a browser: nobody but the one who was given its address.

The server listens on loopback, where every program of the machine and every page in every browser on it can
reach it. So each request is asked three things: was it meant for us (Host: a name that a foreign page had
pointed here is refused), does it come from our own page (Origin and Sec-Fetch-Site: a foreign page is
refused), and does it carry the session that the one-time address was exchanged for.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

_OWN_SITES: Final = frozenset({"same-origin", "none"})
"""Of Sec-Fetch-Site: our own page, and an address that was typed or pasted."""


class Guard:
    """The one-time token, the session it becomes, and the checks of every request."""

    def __init__(self, host: str, port: int) -> None:
        self._host = f"{host}:{port}"
        self._token: str | None = secrets.token_urlsafe(32)
        self._session: str | None = None
        # Cookies are kept by host, whatever the port: two dashboards must not take each other's.
        self._cookie = f"sretool-{port}"

    @property
    def token(self) -> str | None:
        """To be used once; None: it was."""
        return self._token

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        refusal = self._refusal(request)
        if refusal is not None:
            return _refused(refusal)
        given = request.query.get("token")
        if given is not None and request.path == "/":
            return self._exchange(given)
        if not self._has_session(request):
            return _refused("open the address that sretool printed; it works once, in one browser")
        return await handler(request)

    def _refusal(self, request: web.Request) -> str | None:
        if request.headers.get("Host", "") != self._host:
            return "this server answers to its own address only"
        origin = request.headers.get("Origin")
        if origin is not None and origin != f"http://{self._host}":
            return "a page of another origin asks"
        if request.headers.get("Upgrade", "").lower() == "websocket" and origin is None:
            return "a connection must say where it comes from"
        if request.headers.get("Sec-Fetch-Site", "none") not in _OWN_SITES:
            return "a page of another site asks"
        if request.method not in ("GET", "HEAD"):
            return "only reading is possible"
        return None

    def _exchange(self, given: str) -> web.StreamResponse:
        """The session for the token; the address that is left in the browser's history is worth nothing."""
        if self._token is None or not secrets.compare_digest(given.encode(), self._token.encode()):
            return _refused("this address was used already, or is not the one that sretool printed")
        self._token = None
        self._session = secrets.token_urlsafe(32)
        response = web.Response(status=303, headers={"Location": "/"})
        response.set_cookie(self._cookie, self._session, httponly=True, samesite="Strict", path="/")
        return response

    def _has_session(self, request: web.Request) -> bool:
        given = request.cookies.get(self._cookie, "")
        return self._session is not None and secrets.compare_digest(given.encode(), self._session.encode())

    async def harden(self, request: web.Request, response: web.StreamResponse) -> None:
        """Nothing is loaded from elsewhere, nothing is framed, nothing is kept."""
        response.headers["Content-Security-Policy"] = (
            "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline';"
            f" img-src 'self' data:; font-src 'self' data:; connect-src 'self' ws://{self._host};"
            " frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        )
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"


def _refused(why: str) -> web.Response:
    return web.Response(status=403, text=f"refused: {why}\n")
