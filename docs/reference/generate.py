"""Write the pages beside this file: `python docs/reference/generate.py`; with --check, tell whether one would change.

What they say is said elsewhere: beside the keys of conf/ (commented.py), by the programs themselves (described.py), and
in explained.yaml what neither says.
"""

import argparse
import json
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, cast

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))  # this clone's code, whatever is installed
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from docs.reference import described
from docs.reference.commented import CONF, Entry, entries, groups, header, meaning

HERE = Path(__file__).resolve().parent
CARRIERS = {"run": "runs", "trial": "trials", "sweep": "runs of sweeps", "version": "versions"}
CARRIERS |= {"model": "registered models", "saved": "saved models"}
MADE = "<!-- Written by `python docs/reference/generate.py`. -->"


@cache
def explained() -> dict[str, Any]:
    """Return what explained.yaml says."""
    return cast(dict[str, Any], yaml.safe_load((HERE / "explained.yaml").read_text()))


def filled(text: str, *, start: str = "") -> str:
    """Return a paragraph, or an item of a list, in lines of 120 characters."""
    inset, text = " " * len(start), " ".join(text.split())
    return textwrap.fill(
        text, 120, initial_indent=start, subsequent_indent=inset, break_on_hyphens=False, break_long_words=False
    )


def item(name: object, says: str, *, beside: str = "") -> str:
    """Return an item of a list: a name, what stands beside it, and what is said of it."""
    return filled(f"`{name}`{f' ({beside})' if beside else ''}{f': {says}' if says else ''}", start="- ")


def listed(said: Mapping[Any, str]) -> str:
    """Return a list of names and what is said of them."""
    return "\n".join(item(name, says) for name, says in said.items())


def detailed(said: Mapping[str, tuple[str, str]]) -> str:
    """Return a list of names, each with its type or unit and what is said of it."""
    return "\n".join(item(name, says, beside=beside) for name, (beside, says) in said.items())


def fenced(*lines: str, kind: str = "text") -> str:
    """Return lines as they are typed or printed."""
    return "\n".join([f"```{kind}", *lines, "```"])


def configuration() -> Iterator[str]:
    """Yield the parts of the page on conf/."""
    chosen = dict(groups())
    for name in ("config.yaml", *chosen, "serving.yaml", "params.yaml"):
        yield f"## {name}"
        if name not in chosen:
            yield from keys(CONF / name)
            continue
        yield filled(f"`{name}=…`: {chosen[name]}.")
        for option in sorted((CONF / name).glob("*.yaml")):
            yield from [f"### {name}={option.stem}", *keys(option)]


def keys(file: Path) -> Iterator[str]:
    """Yield what a file begins with, and the list of its keys."""
    yield filled(" ".join(f"`{line}`:" if line.startswith("python ") else line for line in header(file)))
    parts = []
    for _, same in groupby(entries(file), key=lambda entry: (entry.key, meaning(entry))):
        parts += [key(entry, says=meaning(entry) if place == 0 else "") for place, entry in enumerate(same)]
    yield "\n".join(parts)


def key(entry: Entry, *, says: str) -> str:
    """Return the item on a key."""
    name = "defaults" if entry.key.endswith("defaults") else entry.key.removeprefix("hydra.sweeper.params.")
    return item(name, says, beside=f"`{entry.value}`" if entry.value else "")


def command_line() -> Iterator[str]:
    """Yield the parts of the page on the commands."""
    yield from ["## python src/train.py [KEY=VALUE …]", fenced(described.train_help()), listed(explained()["hydra"])]
    for name, parser in described.parsers().items():
        own = described.words(parser)
        typed = " ".join(["python", name, *(word for word in own if not word.startswith("-"))])
        yield from [f"## {typed}", filled(described.about(name)), listed(own)]
    yield from ["## Environment", listed(explained()["environment"]), "## Exit status", listed(explained()["exits"])]
    yield from ["## result.json", filled(explained()["result"]["about"]), listed(explained()["result"]["names"])]


def http() -> Iterator[str]:
    """Yield the parts of the page on the server."""
    said, document = explained()["http"], described.document()
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            yield from [f"## {method.upper()} {path}", *(filled(part) for part in one["description"].split("\n\n"))]
            yield from asked(one.get("requestBody", {}).get("content", {}))
            answers = one["responses"]["200"]["content"].get("application/json", {}).get("schema", {})
            name = answers.get("$ref", "").rpartition("/")[2]
            yield f"Statuses: {', '.join(one['responses'])}." + (" The answer's fields:" if name else "")
            yield from [detailed(described.fields(name))] if name else []
    for path, says in said["pages"].items():
        yield from [f"## GET {path}", filled(says)]
    inputs, refusal = described.fields("Input"), described.fields("Refusal")
    yield from ["## The fields of a column", "Of `inputs` in the answer of `/model`:", detailed(inputs)]
    yield from ["## Refusals", "Whatever is refused is answered by an object of these fields:", detailed(refusal)]
    yield from ["## Statuses", statuses(said["statuses"])]
    yield from ["## Headers of requests", listed(said["request_headers"])]
    yield from ["## Headers of answers", listed(said["headers"]), "## Limits", filled(said["limits"])]
    yield "\n".join(key(entry, says=meaning(entry)) for entry in entries(CONF / "serving.yaml"))
    yield from ["## Counters", filled(said["counters"]), detailed(described.counters())]


def asked(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield an example of each form of request."""
    for kind, one in content.items():
        yield f"With `Content-Type: {kind}`:"
        examples = [json.dumps(example["value"]) for example in one.get("examples", {}).values()]
        yield fenced(*(examples or [one["example"]]))


def statuses(said: Mapping[int, str]) -> str:
    """Return a list of the statuses, with what a refusal calls them."""
    from champion.serving.answer import CODES

    codes = {status: f"`{CODES.get(status, 'BAD_REQUEST')}`" if status >= 400 else "" for status in said}
    return "\n".join(item(status, says, beside=codes[status]) for status, says in said.items())


def mlflow() -> Iterator[str]:
    """Yield the parts of the page on what stands in MLflow."""
    for kind, title in (("metrics", "Metrics"), ("params", "Params"), ("tags", "Tags"), ("artifacts", "Artifacts")):
        yield f"## {title}"
        for group in explained()[kind]:
            yield from [f"### {group['title']}", filled(f"{carriers(group['of'])} {group.get('about', '')}")]
            yield "\n".join(
                item(name, says[1], beside=says[0]) if isinstance(says, list) else item(name, says)
                for name, says in group["names"].items()
            )
            yield from [filled(group["also"])] if "also" in group else []
    yield from ["## Aliases", listed(explained()["aliases"]), "## Stages", listed(explained()["stages"])]


def carriers(of: Mapping[str, str | None]) -> str:
    """Return a sentence on who carries something, and where not all do, which of them."""
    parts = []
    for where, same in groupby(of, key=of.get):
        *others, last = [CARRIERS[one] for one in same]
        parts.append(f"{', '.join(others)} and {last}" if others else last)
        parts[-1] += f" {where}" if where else ""
    return f"On {'; on '.join(parts)}."


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "configuration": configuration,
    "command-line": command_line,
    "http": http,
    "mlflow": mlflow,
}


def page(name: str) -> str:
    """Return the text of a page."""
    intro = explained()["pages"][name]
    return "\n\n".join([f"# {intro['title']}", MADE, filled(intro["about"]), *filter(None, PAGES[name]())]) + "\n"


def main() -> None:
    """Write the pages, or tell which of them would change."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a page would change")
    check, changed = parser.parse_args().check, []
    for name in PAGES:
        file, text = HERE / f"{name}.md", page(name)
        if not file.exists() or file.read_text() != text:
            changed.append(file.name)
            if not check:
                file.write_text(text)
    if changed:
        print(f"{', '.join(changed)}: {'would change' if check else 'written'}")
    sys.exit(1 if changed and check else 0)


if __name__ == "__main__":
    main()
