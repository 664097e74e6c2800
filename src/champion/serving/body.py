"""Decides which bodies are read: not too large, not too late, not compressed."""

import asyncio

from fastapi import Request
from starlette.requests import ClientDisconnect

from champion.errors import RequestError


async def read(request: Request, *, max_mb: float, seconds: float) -> bytes:
    """Return the body of the request.

    Raises RequestError where it is compressed (415), larger than `max_mb` megabytes (413), or late (408). What is too
    large is never kept.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise RequestError("Content-Encoding must be identity: compressed bodies aren't read.", status=415)
    try:
        async with asyncio.timeout(seconds):
            body = await _read(request, int(max_mb * 1e6))
    except TimeoutError:
        raise RequestError(f"The body must arrive within {seconds:g} seconds (body_seconds).", status=408) from None
    except ClientDisconnect:
        raise RequestError("The body must be sent to its end.") from None
    if body is None:
        says = f"The body must not be larger than {max_mb:g} MB (max_body_mb). Send fewer rows at a time."
        raise RequestError(says, status=413)
    return body


async def _read(request: Request, max_bytes: int) -> bytes | None:
    """Return the body, or None as soon as it is known to be larger."""
    declared = request.headers.get("content-length", "0")
    if int(declared) > max_bytes:
        return None
    chunks, size = [], 0
    async for chunk in request.stream():
        chunks.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            return None
    return b"".join(chunks)
