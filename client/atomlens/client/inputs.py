"""Inputs: everything a client takes, as structures and failures with ids."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from atomlens.client import files
from atomlens.client.errors import AtomLensError, InvalidInput
from atomlens.client.failure import Failure
from atomlens.client.structure import Structure, StructureLike
from atomlens.client.wire import check_size

Input: TypeAlias = "StructureLike | Failure | str | Path"
Inputs: TypeAlias = "Iterable[Input] | str | Path"
Item: TypeAlias = "Structure | Failure"


def read_one(value: StructureLike | str | Path) -> Structure:
    """Return the one structure that a value or a file is; raises `InvalidInput`."""
    if not isinstance(value, (str, Path)):
        structure = Structure.of(value)
        check_size(structure)
        return structure
    items = list(islice(files.read(value), 2))
    if len(items) != 1:
        found = "several structures" if items else "no structure"
        raise InvalidInput(f"{value} holds {found}: name one as {value}@0 or use `explain_many`", field="structure")
    if isinstance(items[0], Failure):
        raise items[0].error
    return items[0]


def read_all(values: Inputs) -> Iterator[Item]:
    """Yield structures from files, structures, and iterables of both; what cannot be read is a failure.

    Structures without an id get their index.
    """
    if isinstance(values, (str, Path)):
        values = [values]
    elif isinstance(values, Mapping) or hasattr(values, "get_atomic_numbers"):
        raise InvalidInput("`structures` must be an iterable of structures, got one structure", field="structures")
    index = 0
    for value in values:
        for item in _items(value, str(index)):
            yield item
            index += 1


def chunks(items: Iterable[Item], atoms: int, seconds: float = float("inf")) -> Iterator[list[Item]]:
    """Yield items in lists of about ``atoms`` atoms, shorter ones when items come slowly."""
    chunk: list[Item] = []
    size, started = 0, 0.0
    for item in items:
        if not chunk:
            size, started = 0, time.monotonic()
        chunk.append(item)
        size += len(item) if isinstance(item, Structure) else 1
        if size >= atoms or time.monotonic() - started >= seconds:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _items(value: Input, name: str) -> Iterator[Item]:
    if isinstance(value, Failure):
        yield value
    elif isinstance(value, (str, Path)):
        yield from map(_checked, files.read(value))
    else:
        yield _structure(value, name)


def _structure(value: StructureLike, name: str) -> Item:
    try:
        structure = Structure.of(value)
    except AtomLensError as error:
        return Failure(name, error)
    return _checked(structure if structure.id else structure.named(name))


def _checked(item: Item) -> Item:
    if isinstance(item, Structure):
        try:
            check_size(item)
        except AtomLensError as error:
            return Failure(item.id, error)
    return item

