"""Decides which bodies are read: not too large, alone or together, not too late, not compressed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request
from starlette.requests import ClientDisconnect

from champion.errors import OverloadError, RequestError


class Reader:
    """Reads bodies of at most `max_mb` megabytes that arrive within `seconds`.

    All that are being read, or wait for their answer, take at most `max_pending_mb` together.
    """

    def __init__(self, *, max_mb: float, max_pending_mb: float, seconds: float) -> None:
        self._max_mb = max_mb
        self._max_pending_mb = max_pending_mb
        self._seconds = seconds
        self._pending = 0.0

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """Yield the body of the request, which counts as pending until its answer is made.

        Raises RequestError where it is compressed (415), too large (413) or late (408), and OverloadError where too much
        is pending. What is too large is never kept.
        """
        if request.headers.get("content-encoding", "identity") != "identity":
            raise RequestError("Content-Encoding must be identity: compressed bodies aren't read.", status=415)
        megabytes = self._announced(request)
        if self._pending + megabytes > self._max_pending_mb:
            raise OverloadError(f"{self._max_pending_mb:g} MB (max_pending_mb) are waiting. Try again in a second.")
        self._pending += megabytes
        try:
            yield await self._body(request)
        finally:
            self._pending -= megabytes

    def _announced(self, request: Request) -> float:
        """Return how many megabytes the request announces; as many as it may have where it doesn't say."""
        length = request.headers.get("content-length")
        megabytes = self._max_mb if length is None else int(length) / 1e6
        if megabytes > self._max_mb:
            raise self._too_large()
        return megabytes

    async def _body(self, request: Request) -> bytes:
        chunks, size = [], 0
        try:
            async with asyncio.timeout(self._seconds):
                async for chunk in request.stream():
                    chunks.append(chunk)
                    size += len(chunk)
                    if size > self._max_mb * 1e6:
                        raise self._too_large()
        except TimeoutError:
            says = f"The body must arrive within {self._seconds:g} seconds (body_seconds)."
            raise RequestError(says, status=408) from None
        except ClientDisconnect:
            raise RequestError("The body must be sent to its end.") from None
        return b"".join(chunks)

    def _too_large(self) -> RequestError:
        says = f"The body must not be larger than {self._max_mb:g} MB (max_body_mb). Send fewer rows at a time."
        return RequestError(says, status=413)
