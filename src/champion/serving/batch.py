"""Decides which requests are scored together: those that wait while others are scored, and never for longer."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from champion.base.errors import OverloadError
from champion.data import Rows
from champion.serving.model import ServedModel


@dataclass(frozen=True, eq=False)
class Waiting:
    """A checked request: the model that it was checked for, its rows, and where its predictions are awaited."""

    model: ServedModel
    rows: Rows
    answer: asyncio.Future[np.ndarray]


class Batcher:
    """Scores requests in one thread: whatever has come in while it was busy is its next batch.

    An idle batcher starts at once, so a lonely request never waits for company. A batch holds at most `max_rows` rows
    (or one request) and a single model; at most `max_waiting` requests wait for their turn.
    """

    def __init__(
        self, *, max_rows: float, max_waiting: float, on_batch: Callable[[int], None] = lambda _: None
    ) -> None:
        self._max_rows = max_rows
        self._max_waiting = max_waiting
        self._on_batch = on_batch
        self._waiting: deque[Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="scoring")
        self._working: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    async def predict(self, model: ServedModel, rows: Rows) -> np.ndarray:
        """Return the predictions of shape (n_rows,) of this model; raise OverloadError where too many wait already."""
        if len(self._waiting) >= self._max_waiting:
            raise OverloadError(f"{self._max_waiting} requests are waiting already. Try again in a second.")
        answer: asyncio.Future[np.ndarray] = asyncio.get_running_loop().create_future()
        self._waiting.append(Waiting(model, rows, answer))
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        while batch := self._next_batch():
            await self._score(batch)
        self._working = None

    def _next_batch(self) -> list[Waiting]:
        """Take the requests from the head of the queue that the same model can score at once."""
        batch: list[Waiting] = []
        n_rows = 0
        while self._waiting:
            first = self._waiting[0]
            n_rows += first.rows.n_rows
            if batch and (first.model is not batch[0].model or n_rows > self._max_rows):
                break
            self._waiting.popleft()
            if not first.answer.cancelled():
                batch.append(first)
        return batch

    async def _score(self, batch: list[Waiting]) -> None:
        """Answer the requests of the batch; where it fails, each is tried alone, so that only the guilty one fails."""
        self._on_batch(len(batch))
        loop = asyncio.get_running_loop()
        try:
            predicted = await loop.run_in_executor(self._thread, batch[0].model.predict, [one.rows for one in batch])
        except Exception as error:  # said to who has asked, as a status
            if len(batch) > 1:
                for one in batch:
                    await self._score([one])
            elif not batch[0].answer.done():
                batch[0].answer.set_exception(error)
            return
        for one, predictions in zip(batch, predicted, strict=True):
            if not one.answer.done():  # its request may have been given up
                one.answer.set_result(predictions)
