"""Tell which overrides of `python src/train.py` compose params.yaml, and what is in the table: a stage of dvc.yaml.

DVC composes params.yaml from conf/. It holds values, not the options that they come from; train.py is told both, by a
command line that could have been typed.
"""

import json
import re
import shlex
import sys
from collections.abc import Container, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.types import Quote, QuotedString
from omegaconf import DictConfig, OmegaConf

from champion.base.home import CONF, home
from champion.cli.complaint import one_line_errors
from champion.job import settings

PLAIN = re.compile(r"(?!(?:null|true|false|nan|inf)$)[a-z_][\w./:-]*", re.IGNORECASE | re.ASCII)  # needs no quotes


def main() -> None:
    """Write overrides.txt, columns.csv and data.json into the folder that is named."""
    folder = Path(sys.argv[1])
    params = DictConfig(OmegaConf.load("params.yaml"))
    home()  # conf/ needs CHAMPION_HOME
    with initialize_config_dir(str(CONF), version_base="1.3"):
        words = overrides(settings.plain(params))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "overrides.txt").write_text("".join(f"{shlex.quote(word)}\n" for word in words))
    look_at_table(params, folder)
    print(shlex.join(["python", "src/train.py", *words]))


def overrides(params: Mapping[str, Any]) -> list[str]:
    """Return of each group the option that leaves the least to be changed, and what is to be changed still.

    `promote` is left out: each stage says it.
    """
    groups = [key for key in params if (CONF / key).is_dir()]
    words = _changes(params, _composed([]), within=params.keys() - {*groups, "promote"})
    for group in groups:
        options = [f"{group}={file.stem}" for file in sorted((CONF / group).glob("*.yaml"))]
        words.append(
            min(options, key=lambda option: len(_changes(params, _composed([*words, option]), within=[group])))
        )
    return words + _changes(params, _composed(words), within=params.keys() - {"promote"})


def look_at_table(params: DictConfig, folder: Path) -> None:
    """Read and split the table as train.py does, and write what was found."""
    from champion.features import treatments  # imported here because they take seconds, and a mistake needs none
    from champion.learning import preparation
    from champion.reporting import report

    told = settings.data(params)
    table = preparation.prepare(told.table, told.features, task=told.task, **told.split)
    report.write_columns(folder, report.columns(table.train, treatments(table.features)))
    found = asdict(table.data) | {"held_out_fingerprint": table.test.fingerprint, "advice": table.advice}
    del found["source"]  # a path, which differs from clone to clone
    (folder / "data.json").write_text(json.dumps(found, indent=2) + "\n")


def _composed(words: list[str]) -> dict[str, Any]:
    return settings.plain(compose("params", overrides=words))


def _changes(wanted: Mapping[str, Any], got: Mapping[str, Any], *, within: Container[str]) -> list[str]:
    """Return the overrides that make `got` be as `wanted` is, below these keys."""
    new, old = (
        dict(leaf for key, value in one.items() if key in within for leaf in _leaves(key, value))
        for one in (wanted, got)
    )
    removed = [f"~{path}" for path in old if path not in new]
    added = [f"+{path}={said}" for path, said in new.items() if path not in old]
    changed = [f"{path}={new[path]}" for path, said in old.items() if new.get(path, said) != said]
    return removed + added + changed


def _leaves(path: str, value: Any) -> Iterable[tuple[str, str]]:
    """Return each value below a path, as text: 1 and 1.0 mean different things to an estimator."""
    if not isinstance(value, dict) or not value:
        return [(path, _said(value))]
    return [leaf for key, below in value.items() for leaf in _leaves(f"{path}.{key}", below)]


def _said(value: Any) -> str:
    """Return a value as Hydra's grammar writes it."""
    if isinstance(value, list):
        return f"[{','.join(map(_said, value))}]"
    if isinstance(value, str) and not PLAIN.fullmatch(value):
        return QuotedString(value, Quote.single).with_quotes()
    return value if isinstance(value, str) else json.dumps(value)


if __name__ == "__main__":
    with one_line_errors():
        main()
