"""Decides how changes of champion are remembered, and from that who was champion before."""

import getpass
import json
import secrets
import socket
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from champion.registry.version import CHAMPION, HISTORY, Version, get, registered
from champion.tracking import patience

ROLLBACK = "rollback"
ELSEWHERE = "elsewhere"
LONGEST = 1500  # characters of a reason, a name or a command: with all three, an event stays below 5,000


@dataclass(frozen=True)
class Event:
    """A change of champion: which version since when (UTC), how (final, promote, rollback or elsewhere) and why.

    `version` is None where the champion was dismissed; `command` is the one that trained it.
    """

    version: int | None
    at: str
    how: str
    reason: str
    run_name: str
    run_id: str
    command: str
    by: str


def events(name: str) -> list[Event]:
    """Return what happened, oldest first."""
    return _events(registered(name).tags)


def record(name: str, version: Version | None, *, how: str, reason: str) -> None:
    """Append an event, under a key of its own that sorts behind those that are there, whatever the clocks say."""
    past = events(name)
    now = datetime.now(UTC)
    if past:
        now = max(now, datetime.fromisoformat(past[-1].at) + timedelta(microseconds=1))
    event = Event(
        version=version.version if version else None,
        at=now.isoformat(timespec="microseconds"),
        how=how,
        reason=reason[:LONGEST],
        run_name=version.run_name[:LONGEST] if version else "",
        run_id=version.run_id if version else "",
        command=version.command[:LONGEST] if version else "",
        by=f"{_user()}@{socket.gethostname()}",
    )
    # The last digits are chance, for two machines that record an event in the same microsecond.
    key = f"{HISTORY}{now:%Y%m%dT%H%M%S.%f}Z-{secrets.token_hex(2)}"
    patience.client().set_registered_model_tag(name, key, json.dumps(asdict(event), ensure_ascii=False))


def notice(name: str) -> None:
    """Record as `elsewhere` that the champion isn't the one of the last event: somebody moved the alias otherwise."""
    model = registered(name)
    past = _events(model.tags)
    number = int(model.aliases[CHAMPION]) if CHAMPION in model.aliases else None
    if number == (past[-1].version if past else None):
        return
    reason = "The alias was moved by other means." if past else "Champion since before this history begins."
    record(name, get(name, number) if number else None, how=ELSEWHERE, reason=reason)


def before(past: Sequence[Event], existing: Collection[int]) -> int | None:
    """Return the version that was champion before the present one and still exists, or None.

    A rollback takes back the events behind the one that it went back to, so the next rollback goes further back.
    """
    stack: list[int | None] = []
    for event in past:
        if event.how == ROLLBACK and event.version in stack:
            while stack[-1] != event.version:
                stack.pop()
        else:
            stack.append(event.version)
    earlier = (number for number in reversed(stack) if number in existing and number != stack[-1])
    return next(earlier, None)


def _events(tags: Mapping[str, str]) -> list[Event]:
    found = []
    for key in sorted(tags):
        if key.startswith(HISTORY):
            with suppress(ValueError, TypeError):  # somebody's own tag
                found.append(Event(**json.loads(tags[key])))
    return found


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return "somebody"
