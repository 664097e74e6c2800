"""Decides how a fitted model is written and which types may come back: skops with an allow-list, never pickle."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile

from sklearn.pipeline import Pipeline

from champion.base.errors import ModelError
from champion.learning.learner import learners

# Beside what skops trusts by itself (scikit-learn's and NumPy's public types). None of them runs code when loaded.
TRUSTED_TYPES = [
    "catboost.core.CatBoostClassifier",
    "catboost.core.CatBoostRegressor",
    "champion.data.reading.Reading",
    "champion.data.schema.Schema",
    "champion.features.kriging.KrigedTarget",
    "champion.features.neighbours.NeighboursTarget",
    "champion.features.places.Rotations",
    "champion.features.ratios.Ratios",
    "champion.features.standardised.Standardised",
    "champion.features.surroundings.Surroundings",
    "collections.OrderedDict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.model_selection._split.KFold",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
    "skrub._datetime_encoder.DatetimeEncoder",
    "skrub._string_encoder.StringEncoder",
    "skrub._to_str.ToStr",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBRegressor",
]
FILE = "model.skops"
PACKAGE = Path(__file__).parents[1]
# What the steps before a model are made of.
CODE = ("base", "data", "features")
INSTALLED_FIRST = """\
from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)[::-1]
"""


def load(folder: str | Path) -> Pipeline:
    """Load the model that MLflow keeps in `folder`; raise ModelError where it holds any type not on the list.

    The list is this module's and not the one in the model's own MLmodel file, which its writer chose.
    """
    # Imported here because it takes a second, and a trial does without.
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    file = Path(folder) / FILE
    if not file.is_file():
        raise ModelError(f"{folder} holds no {FILE}: only models saved by champion are loaded.")
    try:
        return skops.io.load(file, trusted=TRUSTED_TYPES)
    except UntrustedTypesFoundException as error:
        raise ModelError(f"{file} is refused, it holds types that aren't trusted: {error}") from error
    except (BadZipFile, KeyError) as error:
        raise ModelError(f"{file} is no skops file, or a damaged one: {error}") from error


def requirements(model: Pipeline) -> list[str]:
    """Return the pinned requirements that `model` needs to be loaded and to predict, as pip understands them."""
    packages = {"mlflow", "numpy", "pandas", "scikit-learn", "skops"} | _libraries(model) - {"builtins", "champion"}
    found = []
    for package in sorted(packages):
        with suppress(PackageNotFoundError):  # somebody's own module, which no index has
            found.append(f"{package}=={version(package)}")
    return found


@contextmanager
def code() -> Iterator[list[str]]:
    """Give the folder of code that is saved with a model.

    No index has champion, so a container made from the model finds the steps that are champion's own beside it. Where
    champion is installed, that one is imported.
    """
    with TemporaryDirectory() as folder:
        package = Path(folder, PACKAGE.name)
        package.mkdir()
        for part in CODE:
            shutil.copytree(PACKAGE / part, package / part, ignore=shutil.ignore_patterns("datasets", "__pycache__"))
        (package / "__init__.py").write_text(INSTALLED_FIRST)
        yield [str(package)]


def _libraries(model: Pipeline) -> set[str]:
    """Return the packages that the parts of `model` come from, under the names that pip knows."""
    parts = [*learners(model), *model.named_steps["features"].named_transformers_.values()]
    return {type(part).__module__.partition(".")[0].replace("sklearn", "scikit-learn") for part in parts}
