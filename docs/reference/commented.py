"""Read conf/: each key as a command line names it, its default, and the comment that explains it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import cast

import yaml

CONF = Path(__file__).parents[2] / "conf"
HYDRA = {  # what Hydra does with keys of its own
    "_target_": "the class or function that is made of the keys beside it",
    "_recursive_": "false: what is below, that class makes",
}
REFERENCE = r'"?\$\{([\w.]+)\}"?'


@dataclass(frozen=True)
class Entry:
    """A key of a file, with its default as it is written there and the comment on it."""

    file: Path
    key: str
    value: str
    says: str


@cache
def entries(file: Path) -> list[Entry]:
    """Return the keys of a file in their order; a list that has lines of its own has an entry for each of them."""
    text = file.read_text()
    lines, package = text.splitlines(), ".".join(file.parent.relative_to(CONF).parts)
    if lines[0].startswith("# @package "):
        package = lines[0].split()[2].replace("_global_", "")

    def walk(mapping: yaml.MappingNode, above: str) -> Iterator[Entry]:
        for key, value in mapping.value:
            name, says = f"{above}{key.value}", _comment(lines, key.start_mark)
            if isinstance(value, yaml.ScalarNode) or value.flow_style:
                yield Entry(file, name, _written(text, value), says)
                continue
            if says:
                yield Entry(file, name, "", says)
            if isinstance(value, yaml.MappingNode):
                yield from walk(value, f"{name}.")
            else:
                for one in value.value:
                    yield Entry(file, name, _written(text, one), _comment(lines, one.start_mark))

    return list(walk(cast(yaml.MappingNode, yaml.compose(text)), f"{package}." if package else ""))


def header(file: Path) -> list[str]:
    """Return the lines of the comment that a file begins with: what choosing it means."""
    first = _header(file.read_text().splitlines())
    return [line.removeprefix("# ") for line in first if not line.startswith("# @package")]


def meaning(entry: Entry) -> str:
    """Return the comment on a key, or where it has none, the one on the same key of another file."""
    if entry.says or entry.key.endswith("defaults"):
        return entry.says
    if re.fullmatch(rf"\[?({REFERENCE}(, )?)+\]?", entry.value):
        return f"as {' and '.join(f'`{key}`' for key in re.findall(REFERENCE, entry.value))}"
    if (word := entry.key.rpartition(".")[2]) in HYDRA:
        return HYDRA[word]
    key = entry.key.removeprefix("hydra.sweeper.params.")
    others = [one for file in sorted(CONF.rglob("*.yaml")) for one in entries(file) if one.key == key and one.says]
    return min(others, key=lambda one: one.file.stem != entry.file.stem).says if others else ""


def groups() -> Iterator[tuple[str, str]]:
    """Yield each group that has a folder, in the order of the table of contents, and what it chooses."""
    for file in (CONF / "config.yaml", CONF / "hydra" / "sweeper" / "study.yaml"):
        for entry in entries(file):
            group = file.parent.relative_to(CONF) / entry.value.partition(":")[0].rpartition(" ")[2]
            if entry.key.endswith("defaults") and (CONF / group).is_dir():
                yield str(group), entry.says


def _header(lines: list[str]) -> list[str]:
    return [*takewhile(lambda line: line.startswith("#"), lines)]


def _comment(lines: list[str], at: yaml.Mark) -> str:
    """Return what is said of the key at this place: behind it, going on in lines that are set in, or right above."""
    own = re.findall(r"  # (.*)", lines[at.line])
    if own:
        own += takewhile(lambda line: re.match(rf" {{{at.column + 1},}}#", line), lines[at.line + 1 :])
    else:
        before = reversed(lines[len(_header(lines)) : at.line])
        own = [*takewhile(lambda line: line.startswith(" " * at.column + "#"), before)][::-1]
    return " ".join(line.strip("# ") for line in own)


def _written(text: str, node: yaml.Node) -> str:
    """Return a value as the file has it; nothing of a text of several lines."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style:
        return ", ".join(f"{key.value}: {_written(text, value)}" for key, value in node.value)
    if isinstance(node, yaml.ScalarNode) and node.style == "|":
        return ""
    return " ".join(text[node.start_mark.index : node.end_mark.index].split())
