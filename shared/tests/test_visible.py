from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe.web.visible import visible


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("holiday\u202egpj.exe", "holiday\\u202egpj.exe"),
        ("\x1b[2J\x07\x00\r", "\\u001b[2J\\u0007\\u0000\\u000d"),
        ("\u2066\u2069\u200f\u061c\ufeff", "\\u2066\\u2069\\u200f\\u061c\\ufeff"),
        ("a\u2028b\ud800", "a\\u2028b\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("Zoë, שלום, 日本, a\tb\nc", "Zoë, שלום, 日本, a\tb\nc"),
        ("👩\u200d🚀", "👩\u200d🚀"),
    ],
)
def test_what_is_not_seen_is_written_out(text: str, seen: str) -> None:
    assert visible(text) == seen


@given(st.text())
def test_nothing_unseen_is_left_and_the_rest_stays(text: str) -> None:
    seen = visible(text)

    assert all(
        c.isprintable() or c in "\n\t\u200c\u200d" or c.isspace() or not c.isascii() for c in seen
    )
    assert visible(seen) == seen
    if text.isprintable():
        assert seen == text
