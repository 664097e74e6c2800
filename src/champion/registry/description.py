"""Decides what MLflow's page of a registered model says: how to serve it, and who was champion when."""

import re

from champion.registry.address import serve_command
from champion.registry.history import events
from champion.registry.version import registered
from champion.tracking import patience

OURS = "## Champion"  # begins what is written here; what stands above it is somebody's own
LATEST = 20  # changes that are shown


def describe(name: str) -> None:
    """Write the description anew, below what somebody else has written."""
    before = registered(name).description or ""
    own = before.partition(OURS)[0].rstrip()
    lines = [
        OURS,
        "",
        f"`{serve_command(name)}` serves it and follows it; `python -m champion history` says more.",
        "",
        "| since (UTC) | version | how | why | run |",
        "| --- | --- | --- | --- | --- |",
    ]
    for event in reversed(events(name)[-LATEST:]):
        version = f"[{event.version}](#/models/{name}/versions/{event.version})" if event.version else "none"
        cells = (event.at[:19].replace("T", " "), version, event.how, event.reason, event.run_name)
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    described = "\n".join([own, "", *lines] if own else lines)
    if described != before:
        patience.client().update_registered_model(name, described)


def _cell(text: str) -> str:
    """Return text as a cell of a table in Markdown has it."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
