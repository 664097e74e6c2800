"""Decides how a remedy is written: as what can be pasted into a shell as it stands."""

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
    words = [value] if isinstance(value, str) else value
    listed = ",".join("'" + word.replace("'", "\\'") + "'" for word in words)
    text = f"{key}={listed if isinstance(value, str) else f'[{listed}]'}"
    return shlex.quote(text) if SPECIAL & set(text) else f'"{text}"'


def installation(error: ImportError) -> str:
    """Say which library is missing, and what installs it."""
    name = str(error.name)
    return f"{name} is needed, which isn't installed: `pip install {PACKAGES.get(name.partition('.')[0], name)}`"
