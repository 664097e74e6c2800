"""Predict with a saved model as where nothing is installed but what its requirements bring.

Run by `python -S`, so that no module is found but Python's own: of the installed packages those are let in that
requirements.txt names, and what they need. Says where champion came from, if it was needed.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from types import ModuleType


def brought(lines: Sequence[str]) -> set[str]:
    """Return the names of the packages that pip installs for these requirements."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found: set[str] = set()
    wanted = [Requirement(line) for line in lines]
    while wanted:
        one = wanted.pop()
        needed = not one.marker or one.marker.evaluate()
        if needed and (name := canonicalize_name(one.name)) not in found:
            found.add(name)
            wanted += [Requirement(line) for line in requires(name) or () if "extra ==" not in line]
    return found


class Absent(MetaPathFinder):
    """Finds nothing of packages that aren't installed in the clean room, and says so as Python would."""

    def __init__(self, packages: set[str]) -> None:
        self.packages = packages

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Refuse what isn't there; leave the rest to the other finders."""
        del path, target
        if fullname.partition(".")[0] in self.packages:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


def main(site_packages: str, model: str, rows: str, predictions: str) -> None:
    """Load the model from its folder, predict the rows of a CSV file, write a JSON list of the predictions."""
    sys.path.append(site_packages)
    from packaging.utils import canonicalize_name

    here = brought(Path(model, "requirements.txt").read_text().splitlines())
    owners = {top: {canonicalize_name(name) for name in names} for top, names in packages_distributions().items()}
    # Installed as the README says, champion is not in site-packages: what is found is the model's.
    del owners["champion"]
    sys.meta_path.insert(0, Absent({top for top, names in owners.items() if not names & here}))

    import mlflow
    import pandas as pd

    predicted = mlflow.pyfunc.load_model(model).predict(pd.read_csv(rows))
    Path(predictions).write_text(str(predicted.tolist()))
    print(getattr(sys.modules.get("champion.features"), "__file__", None))


if __name__ == "__main__":
    main(*sys.argv[1:])
