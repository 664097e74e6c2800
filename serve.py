"""Serve the champion: `python serve.py`, then ask http://localhost:5001 for predictions."""

import argparse
import os
import sys
from math import inf, nan
from pathlib import Path

from omegaconf import OmegaConf

sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))  # this clone's code, whatever is installed

from champion.base.errors import ConfigError
from champion.base.home import CONF
from champion.base.startup import importing
from champion.base.words import did_you_mean
from champion.cli.complaint import one_line_errors
from hydra_plugins.champion_sweeper import goes_on_unheard


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    made = argparse.ArgumentParser(prog="python serve.py", description=__doc__)
    made.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this machine only)"
    )
    made.add_argument("--port", type=int, default=5001, help="port to listen on (default: %(default)s)")
    made.add_argument("--model", metavar="NAME", help="registered model (default: the only one with a champion)")
    which = made.add_mutually_exclusive_group()
    which.add_argument("--alias", default="champion", help="follow the version with this alias (default: %(default)s)")
    which.add_argument("--version", type=int, metavar="N", help="this version, whatever its alias")
    made.add_argument("--tracking-uri", metavar="URI", help="default: $MLFLOW_TRACKING_URI, or conf/tracking/")
    made.add_argument("--examples", action="store_true", help="print curl commands for this model and stop")
    made.add_argument(
        "limits", nargs="*", metavar="KEY=VALUE", help="instead of a line of conf/serving.yaml, as in max_rows=1000"
    )
    return made


def limits(given: list[str]) -> dict[str, float]:
    """Return conf/serving.yaml with the lines that were given on the command line instead of its own."""
    chosen = {str(key): value for key, value in OmegaConf.load(CONF / "serving.yaml").items()}
    for word in given:
        key, _, value = word.partition("=")
        if key not in chosen:
            hint = did_you_mean(key, chosen)
            raise ConfigError(f"{key} is not a key of conf/serving.yaml.{hint} Its keys: {', '.join(chosen)}.")
        chosen[key] = value
    return {key: number(key, str(value)) for key, value in chosen.items()}


def number(key: str, text: str) -> float:
    """Return the number that `text` says, a whole one where it is; raise ConfigError where it is none above 0."""
    try:
        value = float(text)
    except ValueError:
        value = nan
    if not 0 < value < inf:
        raise ConfigError(f"{key} must be a number above 0, but got '{text}'.")
    return int(value) if value.is_integer() else value


def main() -> None:
    """Take the port, find the model, and answer until a signal ends it."""
    options = parser().parse_args()
    chosen = limits(options.limits)
    with importing():  # here because it takes seconds, and --help does without
        from champion import tracking
        from champion.serving import command, follow, model

    held = None if options.examples else command.listen(options.host, options.port)
    tracking.connect_chosen(options.tracking_uri)
    found = model.find(options.model, version=options.version, alias=options.alias)
    if held is None:
        command.print_examples(model.load(found), host=options.host, port=options.port)
        return
    follower = follow.Follower(
        lambda: model.find(found.name, version=options.version, alias=options.alias),
        poll_seconds=chosen["poll_seconds"],
    )
    command.serve(follower, held, host=options.host, token=os.environ.get("CHAMPION_TOKEN"), limits=chosen)


if __name__ == "__main__":
    with one_line_errors(), goes_on_unheard():
        main()
