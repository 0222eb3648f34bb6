"""Text from elsewhere, made safe to look at: on a page, on a terminal.

File names and log messages may hold characters that are not seen and do something: turn the
direction of what stands around them, move the cursor, end a line.
"""

from __future__ import annotations

import unicodedata

# Joiners shape letters of Persian and of Indian scripts, and emoji; alone they do nothing.
_HARMLESS = frozenset("\n\t\u200c\u200d")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def visible(text: str) -> str:
    """The text with every unseen character written out, as Python would write it."""
    if text.isprintable():
        return text
    return "".join(map(_written, text))


def _written(character: str) -> str:
    if character in _HARMLESS or unicodedata.category(character) not in _UNSEEN:
        return character
    number = ord(character)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
