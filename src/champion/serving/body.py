"""Decides which bodies are read, and for how long; how large they may be is the application's `max_body_size`."""

import asyncio

from fastapi import Request
from starlette.requests import ClientDisconnect

from champion.errors import RequestError


async def read(request: Request, *, seconds: float) -> bytes:
    """Return the body of the request; raise RequestError where it is compressed (415) or late (408)."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise RequestError("Content-Encoding must be identity: compressed bodies aren't read.", status=415)
    try:
        async with asyncio.timeout(seconds):
            return await request.body()
    except TimeoutError:
        raise RequestError(f"The body must arrive within {seconds:g} seconds (body_seconds).", status=408) from None
    except ClientDisconnect:
        raise RequestError("The body must be sent to its end.") from None
