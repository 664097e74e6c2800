"""See who is champion and why, and change it: `python -m champion status | history | promote VERSION | rollback`."""

import argparse

from champion.complaint import one_line_errors


def parse() -> argparse.Namespace:
    """Read the command line."""
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--model", metavar="NAME", help="registered model (default: the only one with a champion)")
    where.add_argument(
        "--tracking-uri", metavar="URI", help="default: $MLFLOW_TRACKING_URI, or conf/tracking/local.yaml"
    )
    parser = argparse.ArgumentParser(prog="python -m champion", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("status", parents=[where], help="champion, challenger and all versions (default: every model)")
    commands.add_parser("history", parents=[where], help="every change of champion: when, how and why")
    promote = commands.add_parser("promote", parents=[where], help="make a version the champion, whatever a final said")
    promote.add_argument("version", type=int, metavar="VERSION", help="its number")
    commands.add_parser("rollback", parents=[where], help="make the one before champion again")
    return parser.parse_args()


def main() -> None:
    """Do what the command line asks for."""
    options = parse()
    from champion import command, tracking  # imported here because they take seconds, and --help does without them

    tracking.connect_chosen(options.tracking_uri)
    with tracking.refusals_in_one_line():
        match options.command:
            case "status":
                command.status(options.model)
            case "history":
                command.history(options.model)
            case "promote":
                command.promote(options.model, options.version)
            case "rollback":
                command.rollback(options.model)


if __name__ == "__main__":
    with one_line_errors():
        main()
