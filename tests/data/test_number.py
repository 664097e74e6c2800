"""number.py: which text is a number, and which only people read as one."""

import re

import pytest

from champion.data.number import PLAIN, are_amounts

AMOUNTS = [
    "12.50-",
    "\u22125",
    "1\u202f200",
    "1\u2019200",
    "1,200.50",
    "1.200,50",
    "(5)",
    "$5",
    "5 €",
    "EUR 5",
    "5USD",
    "5 %",
    "5\u00a0%",
    "-$5",
]
WORDS = ["MAT101", "05JAN", "A5", "5-6", "3+", "555-0001", "12 rooms", "1.2.3", "", "5 XYZ", "B-52", "no. 5"]


@pytest.mark.parametrize("word", AMOUNTS)
def test_amounts_are_numbers_to_people(word: str) -> None:
    """Marks of thousands, signs in other places, currencies of ISO 4217 and percent."""
    assert are_amounts([word]).tolist() == [True]


@pytest.mark.parametrize("word", WORDS)
def test_codes_and_words_are_none(word: str) -> None:
    """Three letters are a currency only where the standard has it."""
    assert are_amounts([word]).tolist() == [False]


@pytest.mark.parametrize(
    ("words", "are"),
    [
        ([f"{n / 10} kg" for n in range(60)], True),
        ([f"{n}.5 m²" for n in range(30)], True),
        ([f"{n} km/h" for n in range(30)] + [f"{n} mph" for n in range(30)], True),
        ([f"{2**n} GB" for n in range(5, 12)], False),  # few: names of sizes
        ([f"{n}A" for n in range(60)], False),  # neither a space nor a fraction: names
        ([f"{n} {unit}" for n, unit in enumerate(["a", "b", "c", "d"] * 10)], False),
    ],
)
def test_measures_are_amounts_where_there_are_many_of_one_unit(words: list[str], are: bool) -> None:
    """12.3 kg is a number with its unit; 256 GB and 12A are names."""
    assert set(are_amounts(words).tolist()) == {are}


@pytest.mark.parametrize(
    ("decimal", "plain", "strange"),
    [
        (".", ["1", "+1", "-1.5", ".5", "5.", "1e3", "1.5E-3"], ["", ".", "1,5", "1_0", "0x1F", "1 0", "\uff11", "e5"]),
        (",", ["1", "+1", "-1,5", ",5", "5,", "1e3", "1,5E-3"], ["", ",", "1.5", "1.200", "1,5,0"]),
    ],
)
def test_other_mark_is_never_one_of_decimals(decimal: str, plain: list[str], strange: list[str]) -> None:
    """What can be taken for two numbers is taken for none."""
    assert all(re.fullmatch(PLAIN[decimal], word) for word in plain)
    assert not any(re.fullmatch(PLAIN[decimal], word) for word in strange)
