"""Decides which spellings of a category are one: 1, 1.0 and 01 where all are numbers, 8:30 and 08:30:00 where times."""

import re
from collections.abc import Callable, Collection

from champion.data.number import PLAIN

NUMBERS, CODES, TIMES, TRUTHS = "numbers", "codes", "times", "truths"
NUMBER, WHOLE, ZEROS = re.compile(PLAIN["."]), re.compile(r"[+-]?[0-9]+"), re.compile(r"[+-]?(0*)(?=[0-9])|")
TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d*?)0*)?)?")


def made_of(words: Collection[str]) -> str:
    """Tell what all words of a category are; codes are numbers of which leading zeros tell two apart, "" is neither."""
    if words and all(map(NUMBER.fullmatch, words)):
        return NUMBERS if len(set(map(_code, words))) == len(set(map(_number, words))) else CODES
    if words and all(map(TIME.fullmatch, words)):
        return TIMES
    return TRUTHS if words and {word.lower() for word in words} <= {"true", "false"} else ""


def _number(word: str) -> str:
    """Return a number in one spelling, with all digits of a whole one."""
    if WHOLE.fullmatch(word):
        digits = word.lstrip("+-0") or "0"
        return f"-{digits}" if word[0] == "-" and digits != "0" else digits
    if not NUMBER.fullmatch(word):
        return word
    value = float(word) + 0.0  # -0 is 0
    return f"{value:.0f}" if value.is_integer() else repr(value)


def _code(word: str) -> str:
    return f"{ZEROS.match(word)[1] or ''}{_number(word)}" if NUMBER.fullmatch(word) else word  # type: ignore[index]


def _time(word: str) -> str:
    if not (found := TIME.fullmatch(word)):
        return word
    hour, minute, second, rest = found.groups(default="")
    return f"{int(hour):02}:{minute}:{second or '00'}{f'.{rest}' if rest else ''}"


def value(word: str) -> str:
    """Return what a word says where that is a number, a time, or true or false, whatever the others are."""
    return word.lower() if word.lower() in ("true", "false") else _time(_number(word))


# What gives two spellings of one category the same key.
KEYS: dict[str, Callable[[str], str]] = {NUMBERS: _number, CODES: _code, TIMES: _time, TRUTHS: str.lower, "": str}
