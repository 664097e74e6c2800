"""Decides how the server starts: which port it holds, what it says, and that it stops cleanly."""

import socket

import uvicorn

from champion.errors import ChampionError
from champion.serving.app import create_app
from champion.serving.examples import curl_commands
from champion.serving.model import ServedModel


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


def serve(model: ServedModel, held: socket.socket, *, host: str) -> None:
    """Answer on the port until a signal ends it."""
    port = held.getsockname()[1]
    url, version = _url(host, port), model.version
    print(
        f"{version.name} version {version.version}, {version.stage}",
        f"  POST {url}/invocations   predictions, one for each row",
        f"  GET  {url}/ping          says that the server is up",
        "Ctrl-C stops it; `python serve.py --examples` prints requests to try.",
        sep="\n",
        flush=True,
    )
    uvicorn.Server(uvicorn.Config(create_app(model), log_level="warning")).run(sockets=[held])


def _url(host: str, port: int) -> str:
    shown = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::", "::1") else host  # noqa: S104, only shown
    return f"http://{shown}:{port}"
