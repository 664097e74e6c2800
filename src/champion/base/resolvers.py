"""Decides what conf/ can ask for beside what OmegaConf knows, and the address of its database (home.py)."""

from importlib.util import find_spec

from omegaconf import OmegaConf

from champion.base.remedy import quoted

EXTRAS = ("lightgbm", "catboost")  # libraries of models that not everybody has


def is_lacking(library: str) -> bool:
    """Tell whether this is the library of a model that isn't installed."""
    return library in EXTRAS and find_spec(library) is None


def joint_search(*models: str) -> str:
    """Return, in Hydra's grammar, the choice between those models whose library is installed, if they need one."""
    return f"choice({','.join(model for model in models if not is_lacking(model))})"


def register() -> None:
    """Make them known to OmegaConf."""
    OmegaConf.register_new_resolver("joint_search", joint_search, replace=True)
    OmegaConf.register_new_resolver("quoted", quoted, replace=True)
