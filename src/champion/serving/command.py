"""Decides how the server starts: which port it holds, what it says, and that it stops cleanly."""

import logging
import shlex
import signal
import socket
import sys
from collections.abc import Mapping

import uvicorn

from champion.base.errors import ChampionError
from champion.base.redaction import redact
from champion.serving.app import create_app
from champion.serving.examples import curl_commands
from champion.serving.follow import Follower
from champion.serving.model import ServedModel

log = logging.getLogger(__name__)


def print_examples(model: ServedModel, *, host: str, port: int) -> None:
    """Print curl commands that ask a server at this address."""
    print("\n\n".join(curl_commands(model, _url(host, port))))


def listen(host: str, port: int) -> socket.socket:
    """Take the port before anything slow happens; raise ChampionError where somebody else has it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    held = socket.socket(family, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind((host, port))
        held.listen()
    except (OSError, OverflowError) as error:
        held.close()
        culprit = "--host" if isinstance(error, socket.gaierror) else "--port"
        reason = getattr(error, "strerror", None) or str(error)
        raise ChampionError(
            f"--port {port} on --host {host} can't be had: {reason}. Choose another {culprit}."
        ) from error
    return held


def serve(
    follower: Follower, held: socket.socket, *, host: str, token: str | None, limits: Mapping[str, float]
) -> None:
    """Answer on the port until a signal ends it; what was accepted by then is answered still."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("champion").setLevel(logging.INFO)
    url, version = _url(host, held.getsockname()[1]), follower.current.version
    print(
        f"{version.name} version {version.version}, {version.stage}",
        f"  POST {url}/invocations   predictions, one for each row",
        f"  GET  {url}/docs          how to ask, in a browser",
        f"  GET  {url}/ping          says that the server is up; also /health /model /version /metrics",
        f"Ctrl-C stops it; `{redact(shlex.join(['python', *sys.argv, '--examples']))}` prints requests to try.",
        sep="\n",
        flush=True,
    )
    if token is None and host not in ("127.0.0.1", "::1", "localhost"):
        log.warning("Whoever reaches %s is answered. Set CHAMPION_TOKEN to ask for a token.", url)
    app = create_app(follower, token=token, limits=limits)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=int(limits["stop_seconds"]),
        lifespan="off",
        proxy_headers=False,
        server_header=False,
    )
    hangup = getattr(signal, "SIGHUP", None)  # of a terminal that is closed; Windows has none, and nohup ignores it
    if hangup and signal.getsignal(hangup) is signal.SIG_DFL:
        signal.signal(hangup, lambda *_: signal.raise_signal(signal.SIGTERM))
    follower.start()
    try:
        uvicorn.Server(config).run(sockets=[held])
    finally:
        follower.stop()


def _url(host: str, port: int) -> str:
    shown = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::", "::1") else host  # noqa: S104, only shown
    return f"http://{shown}:{port}"
