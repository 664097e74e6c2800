"""Decides what a failed command says: one line for what its user can cause, a traceback for our own bugs."""

import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from hydra.errors import HydraException, InstantiationException, MissingConfigException, OverrideParseException
from omegaconf import Container
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    InterpolationResolutionError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from champion.base.errors import ChampionError
from champion.base.remedy import override
from champion.base.words import did_you_mean

# Read before Hydra's own report is switched off below.
WANTS_TRACEBACK = os.environ.get("HYDRA_FULL_ERROR", "") not in ("", "0")
RECIPES = "experiment"  # the group of conf/ that they are options of
# What Hydra says where a recipe chooses an option of a group, which it then takes for one below `experiment`.
UNPACKAGED = re.compile(rf"In '{RECIPES}/(\S+)': Could not override '\S+@{RECIPES}\b")


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Print what a user can cause as one line on stderr and exit with status 1.

    HYDRA_FULL_ERROR=1 shows the traceback instead, as it does for every Hydra application.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra would print several lines of its own and exit
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # what nobody but us can have caused is raised again
        if WANTS_TRACEBACK or not is_answer(error):
            raise
        sys.exit(f"Error: {one_line(error)}")


def one_line(error: BaseException) -> str:
    """Return what `error` has to say to the user, in one line."""
    if isinstance(error, ChampionError):
        return " ".join(str(error).split())
    if isinstance(error, MissingConfigException):
        return _missing_option(error)
    if isinstance(error, OverrideParseException):
        return _unreadable(error)
    if isinstance(error, InstantiationException):
        return _not_made(error)
    if found := UNPACKAGED.search(str(error)):
        return unpackaged(found[1])
    cause = error if isinstance(error, OmegaConfBaseException) else error.__cause__
    if isinstance(cause, ConfigKeyError | ConfigAttributeError):
        return _unknown_key(cause)
    if isinstance(cause, MissingMandatoryValue):
        return f"{cause.full_key} must be given, as in {cause.full_key}=VALUE."
    if isinstance(cause, InterpolationResolutionError):
        return f"{cause.full_key}: {_first_line(cause)}."
    if str(error).startswith("Ambiguous value"):
        return f"{_first_line(error)}. Add -m to try each of them, or write [a,b] for a list."
    return " ".join(str(error).split())


def unpackaged(name: str) -> str:
    """Return what to say of a recipe of this name whose values land below its group, where nothing reads them."""
    return (
        f"{RECIPES} '{name}' must begin with the line `# @package _global_`, or nothing reads what it says."
        f" Add it as the first line of {RECIPES}/{name}.yaml."
    )


def is_answer(error: BaseException) -> bool:
    """Tell whether the user caused it: our own answers, and whatever Hydra refuses to compose."""
    frames = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    from_hydra = frames[-1].partition(".")[0] in ("hydra", "omegaconf", "antlr4")
    return isinstance(error, ChampionError | HydraException | OmegaConfBaseException) or from_hydra


def _unreadable(error: OverrideParseException) -> str:
    words = str(error.override)
    key, equals, value = words.partition("=")
    says = f"'{words}' is not an override that can be read"
    if not equals or not value:
        return f"{says}. Write key=value, as in seed=7."
    told = [line.strip() for line in str(error).splitlines()]
    reason = " ".join(line for line in told if line and not line.startswith(("Error parsing", "See https://")))
    if "NoneType" in reason and value.startswith("choice("):
        return f"{says}. Hydra says: {reason}. Write `{key}={value[7:-1]}`, where null is a value, too."
    listed = [word.strip() for word in value[1:-1].split(",")] if value[0] + value[-1] == "[]" else value
    remedy = f"some of it can't stand as it is. Quotes make it text: {override(key, listed)}"
    return f"{says}: {remedy}. Hydra says: {reason}."


def _missing_option(error: MissingConfigException) -> str:
    group, _, option = (error.missing_cfg_file or "").rpartition("/")
    options = list(error.options or [])
    if not group or not options:
        return _first_line(error)
    return f"{group} '{option}' is not one of {', '.join(options)}.{did_you_mean(option, options)}"


def _not_made(error: InstantiationException) -> str:
    key = str(error).rpartition("full_key: ")[2]
    reason = str(error.__cause__ or _first_line(error)).partition(", set env var")[0]
    return f"{key}: {' '.join(reason.split())}."


def _unknown_key(error: OmegaConfBaseException) -> str:
    key, parent = str(error.full_key), error.parent_node
    siblings = [str(name) for name in parent] if isinstance(parent, Container) else []
    prefix = key.rpartition(".")[0]
    hint = did_you_mean(key, [f"{prefix}.{name}" if prefix else name for name in siblings])
    added = "" if key.startswith("hydra.sweeper.") else f", +{key}=VALUE adds one"
    return f"{key} is not a key of the config.{hint} `--cfg job` shows every key{added}."


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].strip().rstrip(".")
