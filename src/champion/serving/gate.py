"""Decides who is let in, and what every answer carries: which model the server serves."""

import hmac
import time
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from champion.data import Rows
from champion.registry import Version
from champion.serving.answer import refusal
from champion.serving.follow import Follower
from champion.serving.metrics import Metrics

NAME, VERSION, UNSEEN = "X-Model-Name", "X-Model-Version", "X-Unseen-Categories"
STRANGER = refusal(
    "The header Authorization must say 'Bearer', a space, and the token that the server was started with.",
    status=401,
    headers={"WWW-Authenticate": "Bearer"},
)
OPEN = ("/ping", "/health")  # for load balancers, which hold no token


def naming(version: Version) -> dict[str, str]:
    """Return the headers that name a version."""
    return {NAME: quote(version.name), VERSION: str(version.version)}


def about(rows: Rows) -> dict[str, str]:
    """Return the header that names the columns whose categories training never saw, where there are some."""
    return {UNSEEN: ",".join(map(quote, rows.unseen))} if rows.unseen else {}


class Gate:
    """Asks for the bearer token where one is set, names the model in the headers, and counts the answer."""

    def __init__(
        self, app: ASGIApp, *, follower: Follower, metrics: Metrics, token: str | None, paths: set[str]
    ) -> None:
        self._app = app
        self._follower = follower
        self._metrics = metrics
        self._expected = f"Bearer {token}".encode() if token else None
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an HTTP request on to the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                carried = MutableHeaders(scope=message)
                for name, value in naming(self._follower.current.version).items():
                    carried.setdefault(name, value)
                path = scope["path"] if scope["path"] in self._paths else "other"
                self._metrics.count(path, message["status"], time.perf_counter() - started)
            await send(message)

        app = self._app if self._is_let_in(scope) else STRANGER
        await app(scope, receive, answer)

    def _is_let_in(self, scope: Scope) -> bool:
        if self._expected is None or scope["path"] in OPEN:
            return True
        given = dict(scope["headers"]).get(b"authorization", b"")
        return hmac.compare_digest(given, self._expected)
