"""The documents as tests read them: their blocks, the commands in these, and what makes two outputs alike."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from itertools import groupby
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig

from champion.base.home import home as choose_home
from hydra_plugins.champion_sweeper import _reading
from hydra_plugins.champion_sweeper._space import Space
from tests.python import REPOSITORY

CONF = REPOSITORY / "conf"
OPERATORS = re.compile(r"[;&|<>]+")
WRITTEN_BY_SHELL = re.compile(r"<<'(\w+)'\n.*?\n\1$", flags=re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """What stands between two fences: its kind, such as bash, its text, and the line of prose before it."""

    kind: str
    text: str
    before: str = ""

    @property
    def commands(self) -> Iterator[list[str]]:
        """Yield the words of each command, as the shell would part them, without what it writes and where to."""
        begun = ""
        for line in WRITTEN_BY_SHELL.sub("", self.text).replace("\\\n", " ").splitlines():
            begun += line
            try:
                words = _words(begun)
            except ValueError:  # a quotation goes on in the next line
                begun += "\n"
                continue
            yield from (command for command in _commands(words) if command)
            begun = ""


def _commands(line: Sequence[str]) -> Iterator[list[str]]:
    words: list[str] = []
    is_file = False
    for word in line:
        if not OPERATORS.fullmatch(word):
            words += [] if is_file else [word]
            is_file = False
        elif word in ("<", ">", ">>"):
            is_file = True
        else:
            yield _without_variables(words)
            words = []
    yield _without_variables(words)


def _words(line: str) -> list[str]:
    parts = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
    parts.whitespace_split = True
    return list(parts)


def _without_variables(words: Sequence[str]) -> list[str]:
    """Leave out what is put into the environment before a command."""
    first = next((number for number, word in enumerate(words) if not re.match(r"\w+=", word)), len(words))
    return list(words[first:])


@dataclass(frozen=True)
class Page:
    """A document."""

    path: Path

    @cached_property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text()

    @cached_property
    def blocks(self) -> list[Block]:
        """Its blocks of code, commands and output, in order."""
        found = re.findall(r"([^\n]*)\n*```(\w+)\n(.*?)```", self.text, flags=re.DOTALL)
        return [Block(kind, text.strip(), before) for before, kind, text in found]

    def block(self, beginning: str) -> str:
        """Return the one block that begins like this."""
        return next(block.text for block in self.blocks if block.text.startswith(beginning))

    @property
    def commands(self) -> Iterator[list[str]]:
        """Yield the words of every command that is to be typed."""
        for block in self.blocks:
            if block.kind == "bash":
                yield from block.commands

    @property
    def files(self) -> dict[str, str]:
        """The files that the page has its reader write, by their paths: the line before their block ends in `path`:."""
        named = ((re.search(r"`([^`\s]+/[^`\s]+)`:$", block.before), block.text) for block in self.blocks)
        return {found[1]: f"{text}\n" for found, text in named if found}


def shape(text: str) -> list[str]:
    """Return the lines with every number, time, folder and user made equal."""
    anywhere = re.sub(r"\S+@\S+", "you@here", text)
    lines = [re.sub(r"\s+", " ", re.sub(r"-?\d[\d,./:-]*%?", "N", line)).strip() for line in anywhere.splitlines()]
    return [line for line in lines if line]


def assert_shown(printed: str, shown: str) -> None:
    """Fail where an output isn't what a page shows of it: every line, but for those that a line of … stands for.

    Numbers, times and folders may be others, but not the metrics of a run by more than a hundredth.
    """
    ours, parts = shape(printed), [list(part) for is_gap, part in groupby(shape(shown), "…".__eq__) if not is_gap]
    if "…" not in shape(shown):
        assert ours == parts[0]
        assert _figures(printed) == pytest.approx(_figures(shown), rel=0.01)
    for part in parts:
        found = next((start for start in range(len(ours)) if ours[start : start + len(part)] == part), None)
        assert found is not None, f"{part} is not in {ours}"
        ours = ours[found + len(part) :]


def _figures(text: str) -> list[float]:
    lines = [line for line in text.splitlines() if line.startswith(("RMSE ", "MAE ", "R² "))]
    return [float(number.replace(",", "")) for line in lines for number in re.findall(r"\d[\d,.]*", line)]


def composed(overrides: Sequence[str], *, also: Sequence[Path] = ()) -> DictConfig:
    """Compose the configuration as train.py does, with folders that are searched like conf/."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return _loaded(list(overrides), RunMode.RUN, also)


def space(overrides: Sequence[str], *, also: Sequence[Path] = ()) -> Space:
    """Return what `python src/train.py -m` searches when it is given these overrides, and compose points of it."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        _loaded(list(overrides), RunMode.MULTIRUN, also)
        found = _reading.read(
            [word for word in overrides if not word.lstrip("+~").startswith("hydra")],
            loader=GlobalHydra.instance().config_loader(),
            compose=lambda given: _loaded(given, RunMode.RUN, also),
            seed=0,
            searched=("config", _searched(also)),
        )
        for point in found.examples():
            _loaded(found.overrides(point), RunMode.RUN, also)
        return found


def get_ready() -> None:
    """Tell Hydra what train.py tells it, and where this process has its home."""
    import_module("src.train")
    choose_home()
    GlobalHydra.instance().clear()


def _loaded(overrides: list[str], mode: RunMode, also: Sequence[Path]) -> DictConfig:
    loader = GlobalHydra.instance().config_loader()
    return loader.load_configuration("config", [*overrides, *_searched(also)], mode)


def _searched(also: Sequence[Path]) -> list[str]:
    return [f"hydra.searchpath=[{','.join(f'file://{folder}' for folder in also)}]"] if also else []
