"""Decides what can be read of the registry without MLflow: outputs/registry.json."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from champion.base.home import home
from champion.registry.history import events
from champion.registry.version import CHALLENGER, CHAMPION, all_registered, versions


def export() -> Path:
    """Write every model's champion, challenger, versions and history to outputs/registry.json, all or nothing."""
    file = home() / "outputs" / "registry.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    models = {model.name: content(model.name) for model in all_registered()}
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(models, indent=2) + "\n")
    os.replace(draft, file)
    return file


def content(name: str) -> dict[str, Any]:
    """Return the numbers of champion and challenger of a model, all its versions, and its history, oldest first."""
    known = versions(name)
    holders = {alias: version.version for version in known for alias in version.aliases}
    return {
        CHAMPION: holders.get(CHAMPION),
        CHALLENGER: holders.get(CHALLENGER),
        "versions": [asdict(version) for version in known],
        "history": [asdict(event) for event in events(name)],
    }
