"""How columns become numbers: each recipe is one option of the config group `features`."""

from champion.features.numbers import OfNumbers
from champion.features.recipes import geographic, imputed, named, plain, treatments
from champion.features.standardised import Standardised
