"""How models are kept in MLflow's registry: what a version is, where it stands, who was champion before."""

from typing import TYPE_CHECKING, Any

from champion.registry.address import promote_command, serve_command, train_command
from champion.registry.export import content, export
from champion.registry.history import Event, before, events, notice
from champion.registry.standing import challenge, locked, mirror, promote
from champion.registry.version import (
    CHALLENGER,
    CHAMPION,
    Version,
    by_alias,
    check_name,
    describe,
    get,
    names,
    names_with_a_past,
    only,
    register,
    versions,
)

if TYPE_CHECKING:
    from champion.registry.stored import Stored, load, model_mb, try_out


def __getattr__(name: str) -> Any:
    """Import what loads models when it is asked for: it takes a second, which a look at versions spares."""
    if name not in ("Stored", "load", "model_mb", "try_out"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from champion.registry import stored

    return getattr(stored, name)
