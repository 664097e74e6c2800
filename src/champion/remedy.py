"""Decides how a remedy is written: as an override that can be pasted into a shell as it stands."""

import shlex

SPECIAL = set('"$`\\!')  # what a shell looks for within double quotes


def override(key: str, value: str | list[str]) -> str:
    """Return `key=value` in the quotes that a shell takes off, and those that Hydra takes off."""
    words = [value] if isinstance(value, str) else value
    listed = ",".join("'" + word.replace("'", "\\'") + "'" for word in words)
    text = f"{key}={listed if isinstance(value, str) else f'[{listed}]'}"
    return shlex.quote(text) if SPECIAL & set(text) else f'"{text}"'
