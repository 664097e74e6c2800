"""Decides how columns become numbers: each kind in its own way, and what several of them say together."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

from champion.base.errors import ConfigError
from champion.data import Dataset
from champion.data.reading import BOOLEAN, CATEGORY, DATE, NUMBER, TEXT
from champion.data.task import REGRESSION
from champion.features.kriging import KrigedTarget
from champion.features.neighbours import NeighboursTarget
from champion.features.places import Rotations
from champion.features.places import coordinates as coordinates_of
from champion.features.ratios import Ratios, related
from champion.features.surroundings import Surroundings

KRIGED = (0.4, 1.5)  # how far rows are that are unlike: once the place counts more, once the kind
Block: TypeAlias = tuple[str, BaseEstimator | str, list[str] | str]  # name, transformer, columns


def plain(train: Dataset, *, max_categories: int | None, text_components: int, seed: int) -> ColumnTransformer:
    """Return the columns of `train` as numbers, each kind in its own way.

    Numbers pass, and missing ones stay missing: all bundled models split on them. A category of few values gets a 0/1
    column for each, one of more than `max_categories` the target's mean for each, taken from other rows than its own.
    Dates become year, month, day, weekday and seconds; text the `text_components` main directions of its words.
    A category that the training rows don't have counts as a rare one, or as none.
    """
    _check("max_categories", max_categories, allowed=max_categories is None)
    _check("text_components", text_components)
    numbers, categories = train.names(NUMBER), train.names(CATEGORY, BOOLEAN)
    fractions = [name for name in numbers if train.X[name].dtype.kind == "f"]
    many = [name for name in categories if max_categories and train.X[name].nunique() > max_categories]
    target_type = "continuous" if train.task.name == REGRESSION else train.task.name
    own_rows_apart = KFold(5, shuffle=True, random_state=seed)
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=max_categories, sparse_output=False, dtype="float32"
    )
    blocks: list[Block] = [
        ("as they are", "passthrough", fractions),  # apart, as columns of one type are passed on without a copy
        ("as they are 1", "passthrough", [name for name in numbers if name not in fractions]),
        ("0/1 columns", one_hot, [name for name in categories if name not in many]),
        ("mean of the target", TargetEncoder(target_type=target_type, cv=own_rows_apart), many),
        *((f"parts of the date {n}", _date_parts(), name) for n, name in enumerate(train.names(DATE))),
        *((f"words of the text {n}", _words(text_components, seed), name) for n, name in enumerate(train.names(TEXT))),
    ]
    return _together(blocks)


def geographic(
    train: Dataset,
    *,
    coordinates: Sequence[str] | None,
    n_angles: int,
    n_neighbours: Sequence[int],
    max_ratios: int,
    **options: Any,
) -> ColumnTransformer:
    """Return what `plain` does with its `options`, and columns that several of `train` make together.

    Those are ratios of columns that grow together, unless there are more than `max_ratios`, and for the two
    `coordinates`, latitude and longitude in degrees (None: found by their names), rotations by `n_angles` angles, what
    the target is of the `n_neighbours` training rows that are nearest, how a row's numbers stand out from theirs, and
    what rows near and alike let expect by kriging. A table without coordinates has ratios alone. Raises ConfigError for
    coordinates that are no columns of numbers, and for numbers that can't be meant.
    """
    _check("n_angles", n_angles, fewest=1)
    _check("max_ratios", max_ratios, fewest=0)
    _check_neighbours(n_neighbours)
    blocks = plain(train, **options).transformers
    numbers = train.names(NUMBER)
    pairs = related(train.X[numbers], most=max_ratios)
    if pairs:
        names = list(dict.fromkeys(name for pair in pairs for name in pair))
        blocks.append(("ratios", Ratios(_positions(pairs, names)), names))
    if places := _coordinates(train, coordinates):
        others = [name for name in numbers if name not in places]
        near, classes = list(n_neighbours), train.task.is_classification
        kinds = _positions([pair for pair in pairs if not set(pair) & set(places)], others)
        blocks += [
            ("rotations", Rotations(n_angles), places),
            ("target of neighbours", NeighboursTarget(near, classes=classes), places),
            ("difference from neighbours", Surroundings(pairs=kinds), [*places, *others]),
            *(
                (f"kriged target {n}", KrigedTarget(far=far, pairs=kinds, classes=classes), [*places, *others])
                for n, far in enumerate(KRIGED)
            ),
        ]
    return _together(blocks)


def _positions(pairs: Sequence[tuple[str, str]], names: Sequence[str]) -> list[tuple[int, int]]:
    return [(names.index(one), names.index(other)) for one, other in pairs]


def _coordinates(train: Dataset, given: Sequence[str] | None) -> list[str] | None:
    numbers = train.names(NUMBER)
    if given is None:
        return coordinates_of(train.X[numbers])
    if len(given) != 2 or not set(given) <= set(numbers):
        raise ConfigError(
            f"features.coordinates must be two columns of numbers, latitude and longitude, but got {list(given)}."
            f" Columns of numbers: {', '.join(numbers) or 'none'}."
        )
    return list(given)


def _together(blocks: Sequence[Block]) -> ColumnTransformer:
    return ColumnTransformer([block for block in blocks if block[2]], verbose_feature_names_out=False)


def treatments(recipe: ColumnTransformer) -> dict[str, str]:
    """Return how each column is treated, in a word or three for each way."""
    ways: dict[str, dict[str, None]] = {}
    for name, _, columns in recipe.transformers:
        for column in named(columns):
            ways.setdefault(column, {})[name.rstrip(" 0123456789")] = None
    return {column: ", ".join(of_column) for column, of_column in ways.items()}


def imputed(fitted: ColumnTransformer) -> set[str]:
    """Return the columns whose missing values a fitted recipe fills in by itself."""
    return {
        column for _, transformer, columns in fitted.transformers_ if _imputes(transformer) for column in named(columns)
    }


def named(columns: list[str] | str) -> list[str]:
    """Return the columns of a block: one that takes a single column as it is names it without a list."""
    return [columns] if isinstance(columns, str) else list(columns)


def _check(key: str, value: int | None, *, allowed: bool = False, fewest: int = 2) -> None:
    if not allowed and (type(value) is not int or value < fewest):
        raise ConfigError(f"features.{key} must be a whole number from {fewest}, but got {value!r}.")


def _check_neighbours(numbers: Sequence[int]) -> None:
    if not numbers:
        raise ConfigError("features.n_neighbours must list whole numbers, as in [5,15,50], but got [].")
    for number in numbers:
        _check("n_neighbours", number, fewest=1)


def _date_parts() -> BaseEstimator:
    from skrub import DatetimeEncoder  # takes half a second, which tables without dates don't pay

    return DatetimeEncoder(add_weekday=True, add_day_of_year=True)


def _words(n_components: int, seed: int) -> BaseEstimator:
    from skrub import StringEncoder

    return StringEncoder(n_components=n_components, analyzer="word", ngram_range=(1, 1), random_state=seed)


def _imputes(transformer: BaseEstimator | str) -> bool:
    steps = [step for _, step in transformer.steps] if isinstance(transformer, Pipeline) else [transformer]
    fillers = [step for step in steps if type(step).__module__.startswith("sklearn.impute")]
    return any(not isinstance(step, MissingIndicator) for step in fillers)
