"""Damaged files of every accepted format. A seed and a number give the same file each time."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass

from tools.chaos.samples import KINDS, whole_file

_HEAD = 512
_MAGIC = 16
_MOST_CHANGES = 4
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)
_SIZES = (0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class DamagedFile:
    """What is sent, and how it came about."""

    number: int
    name: str
    data: bytes


def damaged_file(seed: int, number: int) -> DamagedFile:
    """The file of this number; each variant has its turn, one file in ten is left whole."""
    chance = random.Random(f"{seed}-{number}")
    kind = KINDS[number % len(KINDS)]
    data = bytearray(whole_file(kind))
    changes = chance.choices(_CHANGES, k=chance.randint(1, _MOST_CHANGES))
    if chance.random() < 0.1:
        changes = []
        # Behind the end of the image, where it changes the id alone.
        data += chance.randbytes(8)
    for change in changes:
        change(chance, data)
    names = "+".join(change.__name__.strip("_") for change in changes) or "whole"
    return DamagedFile(number, f"{kind}-{names}", bytes(data))


def _place(chance: random.Random, data: bytearray) -> int:
    """Often in the head, where sizes and tables stand; seldom in what tells the format."""
    end = min(_HEAD, len(data)) if chance.random() < 0.4 else len(data)
    begin = 0 if chance.random() < 0.1 else min(_MAGIC, end - 1)
    return chance.randrange(begin, end)


def _flip(chance: random.Random, data: bytearray) -> None:
    for _ in range(chance.choice((1, 8, 64))):
        data[_place(chance, data)] ^= 1 << chance.randrange(8)


def _extremes(chance: random.Random, data: bytearray) -> None:
    for _ in range(chance.choice((1, 4, 16))):
        data[_place(chance, data)] = chance.choice(_EXTREMES)


def _size(chance: random.Random, data: bytearray) -> None:
    """A number of two or four bytes, as sizes and offsets are."""
    form = chance.choice(("<H", ">H", "<I", ">I"))
    value = struct.pack(form, chance.choice(_SIZES) & (256 ** struct.calcsize(form) - 1))
    place = _place(chance, data)
    data[place : place + len(value)] = value


def _cut(chance: random.Random, data: bytearray) -> None:
    del data[max(16, _place(chance, data)) :]


def _leave_out(chance: random.Random, data: bytearray) -> None:
    place = _place(chance, data)
    del data[place : place + chance.choice((1, 16, 256))]
    data += bytes(16 - min(16, len(data)))


def _repeat(chance: random.Random, data: bytearray) -> None:
    place = _place(chance, data)
    piece = data[place : place + chance.choice((1, 64, 4096))]
    data[place:place] = piece * chance.choice((1, 2, 16))


def _noise(chance: random.Random, data: bytearray) -> None:
    place = _place(chance, data)
    data[place:place] = chance.randbytes(chance.choice((1, 32, 1024)))


def _splice(chance: random.Random, data: bytearray) -> None:
    """The tail of a file of another kind."""
    other = whole_file(chance.choice(KINDS))
    data[_place(chance, data) :] = other[chance.randrange(len(other)) :]
    data += bytes(16 - min(16, len(data)))


_CHANGES: tuple[Callable[[random.Random, bytearray], None], ...] = (
    _flip, _flip, _extremes, _size, _size, _cut, _leave_out, _repeat, _noise, _splice,
)  # fmt: skip
