"""See who is champion and why, change it, or let it score a file: `python -m champion COMMAND`."""

import argparse
import runpy
import sys
from pathlib import Path

from champion.base.home import other_clone
from champion.base.startup import importing
from champion.cli.complaint import one_line_errors
from hydra_plugins.champion_sweeper import goes_on_unheard, stops_on_sigterm

PREDICT = "Write every row of FILE with its prediction; what the server would refuse is refused, by its line."
WRITTEN = "Columns may come in any order; those that the model doesn't know are carried over."


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    uri = argparse.ArgumentParser(add_help=False)
    uri.add_argument("--tracking-uri", metavar="URI", help="default: $MLFLOW_TRACKING_URI, or conf/tracking/")
    where = argparse.ArgumentParser(add_help=False, parents=[uri])
    only = "registered model (default: the only one with a champion; status shows all)"
    where.add_argument("--model", dest="name", metavar="NAME", help=only)
    made = argparse.ArgumentParser(prog="python -m champion", description=__doc__)
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    text = argparse.ArgumentParser(add_help=False)
    text.add_argument("--json", action="store_true", dest="as_json", help="for programs")
    help_ = "champion, challenger and all versions (default: every model)"
    commands.add_parser("status", parents=[where, text], help=help_)
    commands.add_parser("history", parents=[where, text], help="every change of champion: when, how and why")
    trials = commands.add_parser("leaderboard", parents=[uri, text], help="the trials of a sweep, the best first")
    trials.add_argument("study", nargs="?", metavar="SWEEP", help="name of its study (default: the latest sweep)")
    promote = commands.add_parser("promote", parents=[where], help="make a version the champion, whatever a final said")
    promote.add_argument("number", type=int, metavar="VERSION", help="its number")
    commands.add_parser("rollback", parents=[where], help="make the one before champion again")
    predict = commands.add_parser(
        "predict", parents=[where], help="score the rows of a file", description=PREDICT, epilog=WRITTEN
    )
    _add_files(predict)
    return made


def _add_files(predict: argparse.ArgumentParser) -> None:
    predict.add_argument("path", metavar="FILE", help="CSV or Parquet, packed by gzip or not, or its http(s) address")
    predict.add_argument("-o", "--output", metavar="OUT", help=".csv, .csv.gz or .parquet (default: CSV to the screen)")
    which = predict.add_mutually_exclusive_group()
    which.add_argument("--alias", default="champion", help="by the version with this alias (default: %(default)s)")
    which.add_argument("--version", type=int, metavar="N", help="by this version, whatever its alias")
    predict.add_argument("--sep", help="what stands between columns (default: as it is found)")
    predict.add_argument("--encoding", help="of the text (default: UTF-8, or as the file is marked)")
    predict.add_argument("--decimal", choices=[".", ","], help="mark of decimals (default: as the model learned it)")
    predict.add_argument(
        "--missing",
        action="append",
        default=[],
        metavar="WORD",
        help="means a missing value, beside those that the model knows; repeatable",
    )


def main() -> None:
    """Do what the command line asks for."""
    given = vars(parser().parse_args())
    with importing():  # here because it takes seconds, and --help does without
        from champion import tracking
        from champion.cli import commands

    tracking.connect_chosen(given.pop("tracking_uri"))
    command = given.pop("command")
    # What stops `predict` takes its draft away; its standard output is for rows, whose reader may have seen enough.
    until_done = stops_on_sigterm() if command == "predict" else goes_on_unheard()
    with tracking.refusals_in_one_line(), until_done:
        getattr(commands, command)(**given)


def _run(source: Path) -> None:
    """Be the `python -m champion` of another clone, with its code and its home."""
    sys.path.insert(0, str(source))
    for name in [name for name in sys.modules if name.partition(".")[0] in ("champion", "hydra_plugins")]:
        del sys.modules[name]
    runpy.run_module("champion", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    if not sys.flags.safe_path and (typed_in := other_clone()):
        _run(typed_in)
    else:
        with one_line_errors():
            main()
