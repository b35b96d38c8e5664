"""Inputs: everything a client takes, as structures and failures with ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from atomlens.client import files
from atomlens.client.chunking import Item
from atomlens.client.errors import AtomLensError, InputError
from atomlens.client.failure import Failure
from atomlens.client.message_size import check_size
from atomlens.client.structure import Structure, StructureLike

Input: TypeAlias = "StructureLike | Failure | str | Path"
Inputs: TypeAlias = "Iterable[Input] | str | Path"


def read_one(value: StructureLike | str | Path) -> Structure:
    """Return the one structure that a value or a file is; raises `InputError`."""
    if not isinstance(value, (str, Path)):
        structure = Structure.of(value)
        check_size(len(structure))
        return structure
    items = list(islice(files.read(value), 2))
    if len(items) != 1:
        found = "several structures" if items else "no structure"
        raise InputError(f"{value} holds {found}, and this takes one, as in {value}@0", field="structure")
    if isinstance(items[0], Failure):
        raise items[0].error
    return items[0]


def read_all(values: Inputs, index: int = 0) -> Iterator[Item]:
    """Yield structures from files, structures, and iterables of both; what cannot be read is a failure.

    Structures without an id get their index, the first of them ``index``.
    """
    if isinstance(values, (str, Path)):
        values = [values]
    elif isinstance(values, Mapping) or hasattr(values, "get_atomic_numbers"):
        raise InputError(
            "`structures` must be an iterable of structures, got one structure", field="structures"
        )
    for value in values:
        for item in _items(value, index):
            yield item
            index += 1


def _items(value: Input, index: int) -> Iterable[Item]:
    if isinstance(value, Failure):
        return (value,)
    if isinstance(value, (str, Path)):
        return map(_checked, files.read(value))
    return (_structure(value, index),)


def _structure(value: StructureLike, index: int) -> Item:
    try:
        structure = Structure.of(value)
    except AtomLensError as error:
        return Failure(str(index), error)
    return _named(structure, index)


def _named(structure: Structure, index: int) -> Item:
    return _checked(structure if structure.id else structure.named(str(index)))


def _checked(item: Item) -> Item:
    if isinstance(item, Structure):
        try:
            check_size(len(item))
        except AtomLensError as error:
            return Failure(item.id, error, structure=item)
    return item
