"""Decides which bodies are read: not too large, alone or together, not too late, not compressed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request
from starlette.requests import ClientDisconnect

from champion.base.errors import OverloadError, RequestError


class Reader:
    """Reads bodies of at most `max_mb` megabytes that arrive within `seconds`.

    Those that are being read, or wait for their answer, take at most `max_pending_mb` together.
    """

    def __init__(self, *, max_mb: float, max_pending_mb: float, seconds: float) -> None:
        self._max_mb = max_mb
        self._max_pending_mb = max_pending_mb
        self._seconds = seconds
        self._pending = 0  # bytes

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """Yield the body of the request, which is pending for as long as it is used.

        Raises RequestError where it is compressed (415), too large (413) or late (408), and OverloadError where too
        much is pending.
        """
        if request.headers.get("content-encoding", "identity") != "identity":
            raise RequestError("Content-Encoding must be identity: compressed bodies aren't read.", status=415)
        self._check(int(request.headers.get("content-length", 0)))
        chunks: list[bytes] = []
        try:
            await self._collect(request, chunks)
            yield b"".join(chunks)
        finally:
            self._pending -= sum(map(len, chunks))

    async def _collect(self, request: Request, chunks: list[bytes]) -> None:
        size = 0
        try:
            async with asyncio.timeout(self._seconds):
                async for chunk in request.stream():
                    chunks.append(chunk)
                    size += len(chunk)
                    self._pending += len(chunk)
                    self._check(size)
        except TimeoutError:
            says = f"The body must arrive within {self._seconds:g} seconds (body_seconds)."
            raise RequestError(says, status=408) from None
        except ClientDisconnect:
            raise RequestError("The body must be sent to its end.") from None

    def _check(self, size: int) -> None:
        if size > self._max_mb * 1e6:
            says = f"The body must not be larger than {self._max_mb:g} MB (max_body_mb). Send fewer rows at a time."
            raise RequestError(says, status=413)
        if self._pending > self._max_pending_mb * 1e6:
            raise OverloadError(f"{self._max_pending_mb:g} MB (max_pending_mb) are waiting. Try again in a second.")
