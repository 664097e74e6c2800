"""Decides which part each column plays, as the config says: the target, a row's time or group, a kind, or none."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from champion.base.errors import ConfigError, DataError
from champion.base.words import did_you_mean, shorten
from champion.data.reading import CATEGORY, KINDS, NUMBER

Names = Sequence[str] | str | None  # a list of the config, which may be null, or a single name without brackets
OF_TARGET = ("data.target", f"data.kinds.{CATEGORY}", f"data.kinds.{NUMBER}", "data.literal")
Kinds = Mapping[str, Names] | None


@dataclass(frozen=True)
class Roles:
    """The names of columns that the config tells something about; `kinds` are those that were asked for.

    In `literal` ones NA and its like are words.
    """

    target: str
    drop: list[str]
    kinds: dict[str, str]
    literal: list[str]
    time: str | None
    group: str | None

    @property
    def unread(self) -> set[str]:
        """The columns that nothing is known of: a dropped one may still say when a row was, or what it belongs to."""
        return set(self.drop) - {self.time, self.group}

    def check(self, names: Sequence[str], *, source: str) -> None:
        """Raise DataError unless every column is among `names`, and the target plays no other part."""
        for key, name in self._given():
            if name not in names:
                hint = did_you_mean(name, names)
                raise DataError(f"{key} '{name}' is not a column of {source}.{hint} Columns: {shorten(names)}.")
            if name == self.target and key not in OF_TARGET:
                raise DataError(f"{key} holds '{name}', which is the target. Take it from {key}.")

    def _given(self) -> Iterable[tuple[str, str]]:
        named = {"data.target": [self.target], "data.drop": self.drop, "data.literal": self.literal}
        named |= {"data.time": [self.time or ""], "data.group": [self.group or ""]}
        yield from ((f"data.kinds.{kind}", name) for name, kind in self.kinds.items())
        yield from ((key, name) for key, names in named.items() for name in names if name)


def read_roles(
    *, target: str, drop: Names, kinds: Kinds, literal: Names = None, time: str | None, group: str | None
) -> Roles:
    """Read the keys of the config; raise ConfigError where they contradict each other."""
    if time is not None and group is not None:
        raise ConfigError("data.time and data.group can't be given together: rows are split by one of them.")
    # The command line reads 2024 as a number, a header line doesn't.
    own_time, own_group = (None if name is None else str(name).strip() for name in (time, group))
    return Roles(str(target).strip(), listed(drop), _kinds(kinds or {}), listed(literal), own_time, own_group)


def listed(names: Names) -> list[str]:
    """Return the names of a list, of a single one, or of none, without blanks around them."""
    return [str(name).strip() for name in ([names] if isinstance(names, str) else names or ())]


def _kinds(kinds: Mapping[str, Names]) -> dict[str, str]:
    asked: dict[str, str] = {}
    if not isinstance(kinds, Mapping):
        raise ConfigError(f"data.kinds must hold columns by their kind, as in {{category: [zip]}}, but got {kinds!r}.")
    for kind, names in kinds.items():
        if kind not in KINDS:
            raise ConfigError(f"data.kinds.{kind} is not one of {', '.join(KINDS)}.{did_you_mean(kind, KINDS)}")
        for name in listed(names):
            if asked.setdefault(name, kind) != kind:
                both = f"data.kinds.{asked[name]} and data.kinds.{kind}"
                raise ConfigError(f"Column '{name}' can be of one kind only, but stands in {both}.")
    return asked
