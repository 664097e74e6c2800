"""Decides how a remedy is written: as what can be pasted into a shell as it stands."""

import re
import shlex

# What pip knows libraries by that MLflow needs to reach files elsewhere.
PACKAGES = {
    "boto3": "-e '.[s3]'",
    "google": "google-cloud-storage",
    "azure": "azure-storage-blob azure-storage-file-datalake azure-identity",
}
SPECIAL = set('"$`\\!')  # what a shell looks for within double quotes


def override(key: str, value: str | list[str]) -> str:
    """Return `key=value` in the quotes that a shell takes off, and those that Hydra takes off."""
    listed = ",".join(map(_in_quotes, [value] if isinstance(value, str) else value))
    text = f"{key}={listed if isinstance(value, str) else f'[{listed}]'}"
    return shlex.quote(text) if SPECIAL & set(text) else f'"{text}"'


def quoted(text: str) -> str:
    """Return text in Hydra's quotes, where it may hold what has a meaning there; conf/ calls it too."""
    return text if re.fullmatch(r"[\w./-]+", text, re.ASCII) else _in_quotes(text)


def _in_quotes(text: str) -> str:
    """Return text as Hydra takes it off again: a backslash is one of its own before a quote only."""
    return "'" + re.sub(r"(\\*)('|$)", lambda found: 2 * found[1] + ("\\'" if found[2] else ""), text) + "'"


def installation(error: ImportError) -> str:
    """Say which library is missing, and what installs it."""
    name = str(error.name)
    return f"{name} is needed, which isn't installed: `pip install {PACKAGES.get(name.partition('.')[0], name)}`"
