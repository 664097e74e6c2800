"""Decides what is an outage of MLflow rather than a refusal, and how long a run waits for its end."""

import errno
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any, ParamSpec, TypeVar, cast

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException, RestException

from champion.base.errors import ConfigError, TrackingError
from champion.base.redaction import redact
from hydra_plugins.champion_sweeper import Outage

P = ParamSpec("P")
T = TypeVar("T")

EVERY = 1.0  # seconds between two tries
HURRIED = 5  # seconds that a server may take to answer who was told to stop
SAID = {"OperationalError", "InterfaceError"}  # what SQL's libraries call it when a database is locked, full or gone
LATE = "no answer in time"
UNAVAILABLE = "TEMPORARILY_UNAVAILABLE"  # what MLflow calls it
STATUSES = (408, 429, 502, 503, 504)  # not 500: MLflow's server says so of a file that isn't there
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN)


class OutageError(TrackingError, Outage):
    """MLflow is away, and was waited for in vain: no fault of what is run."""


def _nobody(_: str | None, *, until: float = 0.0) -> None:
    """Hear that MLflow is waited for until so many seconds since the epoch at most, or with None: no more."""


@dataclass
class _Patience:
    """How many seconds an outage may last, None where nobody waits, who is told of it, and since when there is one.

    `lost` is what was said where that lasted too long.
    """

    seconds: float | None = None
    told: Callable[..., None] = _nobody
    since: float | None = None
    lost: str = ""


_patience = _Patience()


def begin(seconds: float, *, told: Callable[..., None] | None = None) -> None:
    """Let calls of this process wait out an outage of so many seconds, and `told` hear why and until when: or None."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < inf:
        raise ConfigError(f"tracking.patience must be a number of seconds from 0, but got {seconds!r}.")
    # MLflow's own tries take minutes, in which nobody is told.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # a traceback for each try
    _patience.seconds, _patience.told, _patience.since, _patience.lost = seconds, told or _nobody, None, ""


@contextmanager
def last_words(error: BaseException) -> Iterator[None]:
    """Let what ends with `error` still say so; it doesn't wait where it was told to stop, or has waited already."""
    is_last = isinstance(error, Outage) or not isinstance(error, Exception)
    if is_last and _patience.seconds is not None:
        _patience.seconds = 0
        os.environ |= {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": str(HURRIED)}
    with suppress(OutageError if isinstance(error, Exception) else Exception):  # or nobody would hear of `error`
        yield


def client() -> MlflowClient:
    """Return MLflow's client, whose calls wait out an outage."""
    return cast(MlflowClient, _Patient(call(MlflowClient)))


def call(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `work` returns, tried again as long as MLflow is away; raise OutageError where that lasts too long.

    `work` may have been done already when it is tried again.
    """
    while not _patience.lost:
        try:
            done = work(*args, **kwargs)
        except Exception as error:
            if _patience.seconds is None or not (why := reason(error)):
                raise
            _wait(error, why, _patience.seconds)
        else:
            if (since := _patience.since) is not None:
                _go_on(since)
            return done
    raise OutageError(_patience.lost)


def twice(change: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Try again where MLflow refuses, as it does when another process adds or deletes the same in the same moment."""
    try:
        change(*args, **kwargs)
    except MlflowException:
        change(*args, **kwargs)


class _Patient:
    """An object each of whose methods waits out an outage."""

    def __init__(self, of: object) -> None:
        self._of = of

    def __getattr__(self, name: str) -> Any:
        return partial(call, getattr(self._of, name))


def _wait(error: Exception, why: str, seconds: float) -> None:
    now = time.time()
    says = f"MLflow at '{_address()}' is away: {why}"
    if (since := _patience.since) is None:  # another thread may find that it is back in the same moment
        since = _patience.since = now
        if seconds:
            _patience.told(says, until=now + seconds)
            logging.getLogger(__name__).warning(f"{says}. Waiting for it, {_clock(seconds)} at most.")
    if now - since >= seconds:
        waited = f" Waited {_clock(seconds)} for it (tracking.patience={seconds:g})." if seconds else ""
        _patience.lost = f"{says}.{waited}"
        raise OutageError(_patience.lost) from error
    time.sleep(min(EVERY, seconds))


def _go_on(since: float) -> None:
    _patience.since = None
    _patience.told(None)
    logging.getLogger(__name__).warning(f"MLflow is back after {_clock(time.time() - since)}.")


def reason(error: BaseException) -> str:
    """Return why something is away, in a few words, or nothing where it isn't."""
    found = [why for one in _chain(error) if (why := _why(one))]
    return LATE if LATE in found else next(iter(found), "")


def _why(error: BaseException) -> str:
    if status := _status(error):
        return f"status {status}" if status in STATUSES else ""
    if re.fullmatch("(Read|Connect)?Timeout(Error)?", type(error).__name__):
        return LATE
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & {"ConnectionError", "HTTPClientError", "TimeoutError"}:
        return "no connection"
    if names & SAID or getattr(error, "error_code", "") == UNAVAILABLE or getattr(error, "errno", None) in DISK:
        return " ".join(redact(str(error)).partition("\n")[0].split())[:200].rstrip(".") or type(error).__name__
    return ""


def _status(error: BaseException) -> int | None:
    """Return the status of an HTTP answer that an error tells of."""
    if isinstance(error, RestException):
        return int(error.get_http_status_code())
    if told := re.search(r"too many (\d{3}) error responses", str(error)):
        return int(told[1])
    return getattr(getattr(error, "response", None), "status_code", None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _address() -> str:
    return redact(mlflow.get_tracking_uri())


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
