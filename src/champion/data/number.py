"""Decides which text is a number, and which is only read as one by people: amounts with a currency, a unit, marks."""

import re
from collections.abc import Sequence

import numpy as np

PLAIN = {  # by the mark of decimals; the other mark is never taken for one
    mark: rf"[+-]?([0-9]+[{mark}]?[0-9]*|[{mark}][0-9]+)([eE][+-]?[0-9]+)?" for mark in (".", ",")
}
# ISO 4217; other three letters make a word, such as MAT101 and 05JAN.
CODES = """AED|AFN|ALL|AMD|AOA|ARS|AUD|AWG|AZN|BAM|BBD|BDT|BGN|BHD|BIF|BMD|BND|BOB|BRL|BSD|BTN|BWP|BYN|BZD|CAD|CDF|CHF|\
CLP|CNY|COP|CRC|CUP|CVE|CZK|DJF|DKK|DOP|DZD|EGP|ERN|ETB|EUR|FJD|FKP|GBP|GEL|GHS|GIP|GMD|GNF|GTQ|GYD|HKD|HNL|HTG|HUF|\
IDR|ILS|INR|IQD|IRR|ISK|JMD|JOD|JPY|KES|KGS|KHR|KMF|KPW|KRW|KWD|KYD|KZT|LAK|LBP|LKR|LRD|LSL|LYD|MAD|MDL|MGA|MKD|MMK|\
MNT|MOP|MRU|MUR|MVR|MWK|MXN|MYR|MZN|NAD|NGN|NIO|NOK|NPR|NZD|OMR|PAB|PEN|PGK|PHP|PKR|PLN|PYG|QAR|RON|RSD|RUB|RWF|SAR|\
SBD|SCR|SDG|SEK|SGD|SHP|SLE|SOS|SRD|SSP|STN|SVC|SYP|SZL|THB|TJS|TMT|TND|TOP|TRY|TTD|TWD|TZS|UAH|UGX|USD|UYU|UZS|VES|\
VND|VUV|WST|XAF|XCD|XOF|XPF|YER|ZAR|ZMW|ZWG"""
CURRENCY, SIGN = rf"(?:[$€£¥₹₽₩₺₪฿₫₴]|{CODES})", r"[-+\u2212]"
DIGITS = r"\d{1,3}(?:(?:,\d\d)+,\d{3}|(?:[,.'\u2019\s]?\d{3})*)(?:[.,]\d+)?(?:[eE][+-]?\d+)?"
AMOUNT = re.compile(rf"(?:{SIGN}|\()?\s*(?:{CURRENCY})?\s*{SIGN}?\s*{DIGITS}\s*(?:{CURRENCY}|[%‰])?\s*[-\u2212)]?")
MEASURE = re.compile(rf"{SIGN}?\s*{DIGITS}(\s*)([^\W\d_]{{1,4}}[²³]?(?:/[^\W\d_]{{1,3}}[²³]?)?)\.?")
FEW, UNITS = 20, 3  # different measures, up to which they are names such as 256 GB; units that one column may mix


def are_amounts(words: Sequence[str]) -> np.ndarray:
    """Tell which of the different words of a column are numbers to people, as a mask of shape (n_words,)."""
    found = {word: measure for word in words if (measure := MEASURE.fullmatch(word))}
    spelt_out = any(measure[1] or re.search(r"\d[.,]\d", word) for word, measure in found.items())  # 12A is a name
    if len(found) <= FEW or not spelt_out or len({measure[2] for measure in found.values()}) > UNITS:
        found = {}
    return np.array([word in found or bool(AMOUNT.fullmatch(word)) for word in words], dtype=bool)
