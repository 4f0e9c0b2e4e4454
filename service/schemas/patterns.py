"""Regular expressions of values, for fields, paths, the configuration and the document.

Written in what Python and ECMAScript have in common, without flags: they stand in the OpenAPI
document too.
"""

LARGEST_ID = 2**63 - 1

PROVIDER = r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?"
# Up to the largest id: those below it differ from it first in their i-th digit.
CANONICAL_ID = "|".join(
    [r"[1-9][0-9]{0,17}", str(LARGEST_ID)]
    + [
        f"{str(LARGEST_ID)[:i]}[{int(i == 0)}-{int(digit) - 1}][0-9]{{{18 - i}}}"
        for i, digit in enumerate(str(LARGEST_ID))
        if int(digit) > int(i == 0)
    ]
)
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_PORT = "[0-9]{1,4}|[0-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
_H16 = "[0-9A-Fa-f]{1,4}"
_BYTE = "(?:[1-9]?[0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])"
_LS32 = rf"(?:{_H16}:{_H16}|{_BYTE}(?:\.{_BYTE}){{3}})"
# RFC 3986, 3.2.2.
_IPV6 = "|".join(
    [rf"(?:{_H16}:){{6}}{_LS32}", rf"::(?:{_H16}:){{5}}{_LS32}"]
    + [rf"(?:(?:{_H16}:){{0,{n}}}{_H16})?::(?:{_H16}:){{{4 - n}}}{_LS32}" for n in range(5)]
    + [rf"(?:(?:{_H16}:){{0,5}}{_H16})?::{_H16}", rf"(?:(?:{_H16}:){{0,6}}{_H16})?::"]
)
URL = (
    rf"[Hh][Tt][Tt][Pp][Ss]?://(?:{_LABEL}(?:\.{_LABEL})*\.?|\[(?:{_IPV6})\])(?::(?:{_PORT}))?"
    r"(?:[/?#][!-\[\]-~]*)?"  # printable ASCII but for the space and the backslash
)
# Control and format characters. Surrogates are no characters: a pattern can't name them.
_UNWANTED = (
    r"\u0000-\u001f\u007f-\u009f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e"
    r"\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001\U000e0020-\U000e007f"
)
EXT_ID = rf"[^\s{_UNWANTED}](?:[^{_UNWANTED}]*[^\s{_UNWANTED}])?"
