"""HTML that cannot be broken by what users send.

`tag` escapes every text and attribute; only `Html` made by it goes in as it is.
"""

from __future__ import annotations

import html
import re

from facepipe.web.visible import visible
from gradio_viewer import words


class Html(str):
    """Markup that is safe to put into a page."""

    __slots__ = ()


_VOID = frozenset({"img", "input", "br", "hr"})
_NAME = re.compile(r"^[a-zA-Z][a-zA-Z0-9-]*$")


def escape(text: object) -> Html:
    """Text as HTML, unseen characters written out; `Html` stays as it is."""
    return text if isinstance(text, Html) else Html(html.escape(visible(str(text)), quote=True))


def join(*parts: object) -> Html:
    return Html("".join(escape(part) for part in parts if part is not None))


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """An element. `class_` is `class`, `data_x` is `data-x`; None leaves an attribute out.

    >>> tag("b", "<x>", class_="big", title=None)
    '<b class="big">&lt;x&gt;</b>'
    """
    written = []
    for key, value in attributes.items():
        attribute = key.rstrip("_").replace("_", "-")
        if not _NAME.match(attribute):
            raise ValueError(f"not an attribute name: {attribute}")
        if value is True:
            written.append(f" {attribute}")
        elif value is not None and value is not False:
            written.append(f' {attribute}="{html.escape(visible(str(value)), quote=True)}"')
    start = f"<{name}{''.join(written)}>"
    return Html(start) if name in _VOID else Html(f"{start}{join(*children)}</{name}>")


def notice(text: str, kind: str = "info") -> Html:
    """A box with one sentence; `kind` is "info", "warning" or "error"."""
    role = "alert" if kind == "error" else "status"
    return tag("div", text, class_=f"fp-notice fp-{kind}", role=role)


def clock(text: str) -> Html:
    """The time of a day to the millisecond; the page's script writes it in the visitor's zone."""
    return tag("time", text[11:23], datetime=text, data_clock=True)


def moment(text: str) -> Html:
    """A time; the page's script writes it in the visitor's own zone."""
    return tag("time", words.moment(text), datetime=text)
