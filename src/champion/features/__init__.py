"""How columns become numbers: each recipe is one option of the config group `features`."""

from champion.features.recipes import geographic, imputed, named, plain, treatments

__all__ = ["geographic", "imputed", "named", "plain", "treatments"]
