"""batch.py: what waits together is scored together."""

import asyncio
from typing import Any

import numpy as np

from champion.base.errors import OverloadError
from champion.data import Rows
from champion.serving.batch import Batcher


class Doubling:
    """A model that doubles numbers when it is allowed to, fails on 13, and remembers how large its batches were."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def predict(self, parts: list[Rows]) -> list[np.ndarray]:
        """Double each part."""
        self.batches.append(len(parts))
        if any(13 in part.arrays["x"] for part in parts):
            raise ValueError("unlucky")
        return [part.arrays["x"] * 2 for part in parts]


def rows(*values: float) -> Rows:
    """Return rows of one column."""
    return Rows({"x": np.array(values)}, len(values), {})


async def together(batcher: Batcher, *asked: tuple[Any, Rows]) -> list[Any]:
    """Ask all at once; a failure is returned in the place of an answer."""
    answers = await asyncio.gather(*(batcher.predict(model, part) for model, part in asked), return_exceptions=True)
    return list(answers)


def test_requests_that_come_together_are_scored_together() -> None:
    """Nine requests at once take two batches, up to eight rows each; everyone gets the answer to his own rows."""
    model = Doubling()
    asked = [(model, rows(number)) for number in range(9)]
    answers = asyncio.run(together(Batcher(max_rows=8, max_waiting=100), *asked))
    assert [answer.tolist() for answer in answers] == [[2 * number] for number in range(9)]
    assert model.batches == [8, 1]


def test_request_larger_than_a_batch_is_scored_alone() -> None:
    """It isn't cut."""
    model = Doubling()
    asked = [(model, rows(1)), (model, rows(*range(20, 40))), (model, rows(2))]
    answers = asyncio.run(together(Batcher(max_rows=8, max_waiting=100), *asked))
    assert [len(answer) for answer in answers] == [1, 20, 1]
    assert model.batches == [1, 1, 1]


def test_models_are_never_mixed() -> None:
    """Requests that were checked for another version are another batch."""
    one, two = Doubling(), Doubling()
    asked = [(one, rows(1)), (two, rows(2)), (two, rows(3)), (one, rows(4))]
    answers = asyncio.run(together(Batcher(max_rows=8, max_waiting=100), *asked))
    assert [answer.tolist() for answer in answers] == [[2], [4], [6], [8]]
    assert (one.batches, two.batches) == ([1, 1], [2])


def test_only_the_guilty_request_fails() -> None:
    """A batch that fails is tried request by request."""
    model = Doubling()
    answers = asyncio.run(together(Batcher(max_rows=8, max_waiting=100), *((model, rows(n)) for n in (12, 13, 14))))
    assert isinstance(answers[1], ValueError)
    assert [answers[0].tolist(), answers[2].tolist()] == [[24], [28]]


def test_full_queue_is_said() -> None:
    """More requests than may wait are refused at once, and the others answered."""
    model = Doubling()
    answers = asyncio.run(together(Batcher(max_rows=8, max_waiting=3), *((model, rows(n)) for n in range(5))))
    refused = [answer for answer in answers if isinstance(answer, OverloadError)]
    assert len(refused) == 2
    assert (refused[0].status, str(refused[0])) == (503, "3 requests are waiting already. Try again in a second.")


def test_given_up_request_is_passed_over() -> None:
    """A request that nobody waits for any more isn't scored, and harms nobody."""

    async def give_up() -> tuple[list[int], list[float]]:
        model, batcher = Doubling(), Batcher(max_rows=8, max_waiting=100)
        gone, stays = (asyncio.ensure_future(batcher.predict(model, rows(n))) for n in (1, 2))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        gone.cancel()
        return model.batches, (await stays).tolist()

    assert asyncio.run(give_up()) == ([1], [4])


def test_batcher_works_on_after_an_idle_time() -> None:
    """The queue may run dry as often as it likes."""

    async def twice() -> list[float]:
        model, batcher = Doubling(), Batcher(max_rows=8, max_waiting=100)
        return [float((await batcher.predict(model, rows(number)))[0]) for number in (1, 2)]  # type: ignore[arg-type]

    assert asyncio.run(twice()) == [2, 4]
