"""Ask the programs what they say of themselves: the parsers of their command lines, and the server."""

import argparse
import asyncio
import json
import re
from functools import cache
from inspect import formatannotation
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast

import yaml

from docs.reference.commented import CONF, entries, groups

OWN = "champion_"  # what the names of the server's own counters begin with


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Return what reads the words behind each command, and its own commands'."""
    from champion.__main__ import parser as champion
    from serve import parser as serve

    found = {"serve.py": serve(), "-m champion": champion()}
    for action in list(found["-m champion"]._actions):
        if isinstance(action, argparse._SubParsersAction):
            found |= {f"-m champion {name}": own for name, own in action.choices.items()}
    return found


def about(name: str) -> str:
    """Return what a command does, in sentences."""
    own = parsers()[name]
    above, _, word = name.rpartition(" ")
    said = [own.description or "", own.epilog or ""]
    if above in parsers():
        [commands] = [one for one in parsers()[above]._actions if isinstance(one, argparse._SubParsersAction)]
        [short] = [one.help or "" for one in commands._choices_actions if one.dest == word]
        said.insert(0, f"{short[:1].upper()}{short[1:]}.")
    return " ".join(filter(None, said))


def words(parser: argparse.ArgumentParser) -> dict[str, str]:
    """Return the options of a command, and what else it takes, each as it is typed, with what is said of it."""
    found = {}
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        takes = "" if action.nargs == 0 else str(action.metavar or "|".join(action.choices or [action.dest.upper()]))
        takes = f"[{takes} …]" if action.nargs == "*" else takes
        typed = ", ".join(f"{flag} {takes}".rstrip() for flag in action.option_strings) or takes
        rivals = [group._group_actions for group in parser._mutually_exclusive_groups if action in group._group_actions]
        others = [f"`{other.option_strings[-1]}`" for group in rivals for other in group if other is not action]
        says = (action.help or "the command, one of those below") % {"default": action.default}
        found[typed] = f"{says}; not with {', '.join(others)}" if others else says
    return found


def train_help() -> str:
    """Return what `python src/train.py --help` prints."""
    template = yaml.safe_load((CONF / "hydra" / "help" / "champion.yaml").read_text())["template"]
    names = sorted(group for group, _ in groups() if not group.startswith("hydra/"))
    options = {name: ", ".join(sorted(file.stem for file in (CONF / name).glob("*.yaml"))) for name in names}
    shown = "".join(f"{name}: {own}\n" for name, own in options.items())
    return Template(template).substitute(APP_CONFIG_GROUPS=shown)


@cache
def document() -> dict[str, Any]:
    """Return the server's OpenAPI document, with a model of two columns."""
    return cast(dict[str, Any], json.loads(asyncio.run(_asked("/openapi.json"))))


def counters() -> dict[str, tuple[str, str]]:
    """Return the names under which the server counts for Prometheus, each with its type and what it counts."""
    said = asyncio.run(_asked("/metrics"))
    told = re.findall(rf"# HELP ({OWN}\w+) (.*)\n# TYPE \w+ (\w+)", said)
    return {name: (kind, says) for name, says, kind in told if not name.endswith("_created")}


def fields(name: str) -> dict[str, tuple[str, str]]:
    """Return the fields of an answer, each with its type and what is said of it."""
    from champion.serving import answer

    own = getattr(answer, name).model_fields
    types = {key: re.sub(r"[\w.]+\.(\w+)", r"\1", formatannotation(field.annotation)) for key, field in own.items()}
    return {field.alias or key: (types[key], field.description or "") for key, field in own.items()}


@cache
def application() -> Any:
    """Return the server's application, with a model of two columns."""
    from sklearn.pipeline import Pipeline

    from champion.data import Schema, load
    from champion.registry import Stored, Version
    from champion.serving.app import create_app

    with TemporaryDirectory() as folder:
        rows = [f"{size}.5,{'sea' if size % 2 else 'hill'},{size * 1000}" for size in range(70, 170)]
        (file := Path(folder) / "houses.csv").write_text("\n".join(["size,place,price", *rows]))
        table = load(str(file), target="price")
    version = Version("houses_predictor", 1, "Production", ["champion"], "", "", "", {})
    stored = Stored(Pipeline([("schema", Schema.of(table))]), table.X[:2])
    follower = SimpleNamespace(current=SimpleNamespace(version=version, stored=stored), swaps=0, trouble=None)
    limits = {entry.key: float(entry.value) for entry in entries(CONF / "serving.yaml")}
    return create_app(cast(Any, follower), token=None, limits=limits)


async def _asked(path: str) -> str:
    parts: list[bytes] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        parts.append(message.get("body", b""))

    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b"", "root_path": ""}
    await application()(scope, receive, send)
    return b"".join(parts).decode()
