"""Serve the champion: `python serve.py`, then ask http://localhost:5001 for predictions."""

import argparse
import os

from omegaconf import OmegaConf

from champion.complaint import one_line_errors
from champion.home import REPOSITORY, home


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this machine only)"
    )
    parser.add_argument("--port", type=int, default=5001, help="port to listen on (default: %(default)s)")
    parser.add_argument("--model", metavar="NAME", help="registered model (default: the only one with a champion)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--alias", default="champion", help="the version with this alias (default: %(default)s)")
    which.add_argument("--version", type=int, metavar="N", help="this version, whatever its alias")
    parser.add_argument(
        "--tracking-uri", metavar="URI", help="default: $MLFLOW_TRACKING_URI, or conf/tracking/local.yaml"
    )
    parser.add_argument("--examples", action="store_true", help="print curl commands for this model and stop")
    return parser.parse_args()


def main() -> None:
    """Take the port, find the model, and answer until a signal ends it."""
    options = parse()
    from champion import tracking  # imported here because they take seconds, and --help does without them
    from champion.serving import command, model

    home()  # conf/ needs CHAMPION_HOME
    local = OmegaConf.load(REPOSITORY / "conf" / "tracking" / "local.yaml")
    held = None if options.examples else command.listen(options.host, options.port)
    tracking.connect(options.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or local.uri, create=False)
    served = model.find(options.model, version=options.version, alias=options.alias)
    if held is None:
        command.print_examples(served, host=options.host, port=options.port)
    else:
        command.serve(served, held, host=options.host)


if __name__ == "__main__":
    with one_line_errors():
        main()
