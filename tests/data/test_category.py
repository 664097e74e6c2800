"""category.py: which spellings are one."""

import pytest

from champion.data.category import KEYS, made_of


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["1", "2.0", "-3", "1e2"], "numbers"),
        (["01", "02", "10"], "numbers"),
        (["01", "1"], "codes"),
        (["8:30", "17:05:00", "09:00:00.5"], "times"),
        (["True", "FALSE"], "truths"),
        (["1", "a"], ""),
        (["24:00"], ""),
        ([], ""),
    ],
)
def test_what_all_words_are_is_told(words: list[str], kind: str) -> None:
    """One word that is something else makes all of them words."""
    assert made_of(words) == kind


@pytest.mark.parametrize(
    ("kind", "alike"),
    [
        ("numbers", ["1", "1.0", "+1", "01", "1e0", "1."]),
        ("numbers", ["0", "-0", "00", "0.0", "-0.0"]),
        ("numbers", ["1.5", "01.50", "+1.5e0"]),
        ("numbers", ["9007199254740993", "+09007199254740993"]),
        ("codes", ["01", "+01", "01.0"]),
        ("times", ["8:30", "08:30", "08:30:00", "8:30:00.000"]),
        ("times", ["8:30:00.5", "08:30:00.500000"]),
        ("truths", ["true", "TRUE", "True"]),
    ],
)
def test_spellings_of_one_have_one_key(kind: str, alike: list[str]) -> None:
    """However it is written, it is one category."""
    assert len({KEYS[kind](word) for word in alike}) == 1


@pytest.mark.parametrize(
    ("kind", "apart"),
    [
        ("numbers", ["1", "-1", "10", "1.5", "9007199254740993", "9007199254740992", "x", ""]),
        ("codes", ["1", "01", "001", "0", "00"]),
        ("times", ["8:30", "18:30", "8:30:01", "8:3", "x"]),
        ("", ["1", "1.0", " 1"]),
    ],
)
def test_others_have_keys_of_their_own(kind: str, apart: list[str]) -> None:
    """What differs stays apart, all digits of long numbers among it."""
    assert len({KEYS[kind](word) for word in apart}) == len(apart)
