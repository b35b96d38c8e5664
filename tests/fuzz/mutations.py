"""Mutations: bytes that are nearly those of a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence

INTERESTING = (
    b"\x00",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff" * 4,
    b"\xff" * 8,
    b"\x00" * 8,
    b"\x00\x00\x00\x00\x00\x00\xf0\x7f",
)


def mutated(seeds: Sequence[bytes], source: random.Random) -> bytes:
    """Return a seed with some of its bytes changed, taken away, put in or taken from another."""
    data = bytearray(source.choice(seeds))
    for _ in range(source.randint(1, 6)):
        place = source.randrange(len(data) + 1)
        length = source.choice((1, 1, 2, 4, 8))
        change = source.randrange(5)
        if change == 0:
            data[place : place + 1] = bytes([source.randrange(256)])
        elif change == 1:
            del data[place : place + length]
        elif change == 2:
            data[place:place] = source.choice(INTERESTING)
        elif change == 3:
            value = source.choice(INTERESTING)
            data[place : place + len(value)] = value
        else:
            other = source.choice(seeds)
            first = source.randrange(len(other) + 1)
            data[place : place + length] = other[first : first + 4 * length]
    return bytes(data)
