"""Decides how this program is called again: by what it was called, with other arguments."""

import os
import shlex
import sys
from collections.abc import Sequence

from hydra._internal.utils import get_args_parser


def places() -> list[str]:
    """Return where the command says that its configuration is, which no override does."""
    given, _ = get_args_parser().parse_known_args(sys.argv[1:])
    told = {"--config-path": given.config_path, "--config-name": given.config_name, "--config-dir": given.config_dir}
    return [f"{option}={place}" for option, place in told.items() if place]


def program(arguments: Sequence[str]) -> str:
    """Return this program's command line with these arguments."""
    called = sys.argv[0]
    shown = os.path.relpath(called) if os.path.isabs(called) else called
    return shlex.join([*(["python"] if called.endswith(".py") else []), shown, *arguments])
