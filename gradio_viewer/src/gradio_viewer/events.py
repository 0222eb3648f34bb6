"""What the page's events take: checked against their components before Gradio sees it.

Gradio takes any JSON for any component, and a file's description anywhere in it makes it copy
that file. So nothing of what came is passed on: the call is written anew from values of the
right types, and Gradio gets no description of a file at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import gradio as gr

from facepipe.domain.errors import InvalidRequestError
from gradio_viewer.visitors import Visitors

Json = dict[str, Any]
MAX_TEXT = 255
MAX_NAME = 255


class Events:
    """The events of a page.

    Raises:
        TypeError: an event has a component that no rule is written for.
    """

    def __init__(self, page: gr.Blocks, visitors: Visitors) -> None:
        self._page = page
        self._visitors = visitors
        self._inputs = {
            number: [(_rule(component), component) for component in event.inputs]
            for number, event in page.fns.items()
        }
        self._triggers = {
            number: {component for component, _ in event.targets}
            for number, event in page.fns.items()
        }

    def has_session(self, name: str) -> bool:
        """Whether Gradio has something to tell under that name."""
        return name in self._page._queue.pending_messages_per_session

    def checked(self, body: bytes, visitor: str) -> bytes:
        """The body of a call, made of what is right in it.

        Raises:
            InvalidRequestError: something in it is wrong; the message quotes nothing of it.
        """
        call = _parsed(body)
        number, data, trigger = (call.get(key) for key in ("fn_index", "data", "trigger_id"))
        if type(number) is not int or number not in self._inputs:
            _refuse()
        inputs = self._inputs[number]
        if not isinstance(data, list) or len(data) != len(inputs):
            _refuse()
        values = [
            rule(value, component, lambda text: self._visitors.read(visitor, text))
            for value, (rule, component) in zip(data, inputs, strict=True)
        ]
        is_known = type(trigger) is int and trigger in self._triggers[number]
        session = call.get("session_hash")
        clean = {
            "fn_index": number,
            "data": values,
            "trigger_id": trigger if is_known else None,
            "session_hash": self._visitors.own_name(
                visitor, session if isinstance(session, str) else ""
            ),
        }
        return json.dumps(clean).encode()


def _refuse(_: str = "") -> NoReturn:
    raise InvalidRequestError("the page sent something that it does not take; load it again")


def _parsed(body: bytes) -> Json:
    try:
        call = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        _refuse()
    return call if isinstance(call, dict) else _refuse()


Rule = Callable[[Any, Any, Callable[[str], Any]], Any]


def _choice(value: Any, component: gr.Dropdown, _: object) -> str | None:
    known = [known for _, known in component.choices]
    return value if value is None or (isinstance(value, str) and value in known) else _refuse()


def _text(value: Any, _: gr.Textbox, __: object) -> str | None:
    if value is None or (isinstance(value, str) and len(value) <= MAX_TEXT):
        return value
    _refuse()


def _nothing(_: Any, __: gr.State, ___: object) -> None:
    """The state of a session is with Gradio; what a browser says of it does not matter."""


def _files(value: Any, _: gr.File, read: Callable[[str], Any]) -> list[Json]:
    """Of each file its name, and what its ticket says became of it."""
    chosen = value if isinstance(value, list) else [value] if value is not None else []
    found = []
    for file in chosen:
        path, name = (file.get(k) for k in ("path", "orig_name")) if _is_object(file) else (0, 0)
        if not isinstance(path, str) or not isinstance(name, str | None):
            _refuse()
        ticket = read(path)
        entry = {"name": (name or "")[:MAX_NAME], "id": ticket.image_id, "problem": ticket.problem}
        found.append(entry)
    return found


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


_RULES: Mapping[type, Rule] = {
    gr.Dropdown: _choice,
    gr.Textbox: _text,
    gr.State: _nothing,
    gr.File: _files,
}


def _rule(component: Any) -> Rule:
    for kind, rule in _RULES.items():
        if type(component) is kind:
            return rule
    raise TypeError(f"what may come for a {type(component).__name__} is not written down")
