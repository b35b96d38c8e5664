"""Table: an explanation as people read it, in text and in HTML."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atomlens.client.head import Head
from atomlens.client.structure import Floats, Structure
from atomlens.client.units import PER_ATOM

if TYPE_CHECKING:
    from atomlens.client.explanation import Explanation

MAX_ROWS = 60
CAVEAT = "The split into atoms is the model's choice: learned, not unique. Only the total is observable."
TITLES = {
    "energies_model": "learned",
    "energies_offset": "free atom",
    "energies": "energy",
    "charges_raw": "raw charge",
    "charges": "charge",
    "extent": "electrons",
}
# How the contributions of a head make its property.
ORIGINS = {
    "sum": "the sum of the contributions",
    "mean": "the mean of the contributions",
    "second_moment": "the sum of electrons times squared distance from the centre of mass",
}


@dataclass(frozen=True, slots=True)
class Column:
    """An atomic quantity as the table shows it."""

    title: str
    unit: str
    values: Floats  # (atoms,)
    is_averaged: bool  # whether the mean says more of it than the sum


def text(explanation: Explanation) -> str:
    """Return a title, a line for each atom, their sums, the properties and what to keep in mind."""
    columns = columns_of(explanation)
    header, totals = _header(columns), _totals(columns)
    rows = [*header, *_atoms(explanation, columns), *totals]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    rule = "─" * max(map(len, lines))
    first, last = len(header), len(lines) - len(totals)
    body = [*lines[:first], rule, *lines[first:last], *_left_out(explanation), rule, *lines[last:]]
    return "\n".join([title(explanation.structure), "", *body, "", *_statements(explanation)])


def html_table(explanation: Explanation) -> str:
    """Return the same as HTML for notebooks."""
    columns = columns_of(explanation)
    names, units = _header(columns)
    head = "".join(
        f"<th>{_escaped(name)}<br>{_escaped(unit)}</th>" for name, unit in zip(names, units, strict=True)
    )
    rows = [*_atoms(explanation, columns), *_totals(columns)]
    body = "".join("<tr>" + "".join(f"<td>{_escaped(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    notes = "<br>".join(map(_escaped, [*_left_out(explanation), *_statements(explanation)]))
    return (
        f"<div><b>{_escaped(title(explanation.structure))}</b>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{notes}</p></div>"
    )


def title(structure: Structure) -> str:
    """Return id, formula, number of atoms, charge and what repeats."""
    parts = [structure.id, structure.formula, f"{len(structure)} atom{'s' * (len(structure) != 1)}"]
    if structure.charge:
        parts.append(f"charge {structure.charge:+g} e")
    if structure.pbc.all():
        parts.append("periodic")
    elif structure.pbc.any():
        axes = [axis for axis, repeats in zip("abc", structure.pbc, strict=True) if repeats]
        parts.append(f"periodic along {' and '.join(axes)}")
    return "  ".join(part for part in parts if part)


def columns_of(explanation: Explanation) -> list[Column]:
    """Return what the table has a column of, in its order."""
    return [
        Column(TITLES.get(name, words(name)), head.unit, values, head.aggregation == "mean")
        for head in explanation.heads.values()
        for name, values in _shown(head)
    ]


def _shown(head: Head) -> Iterator[tuple[str, Floats]]:
    """Yield the atomic quantities of a head; where no element has an offset, parts say nothing more."""
    if head.name != "energy" and head.offset is not None and not head.offset.any():
        yield head.plural, head.contributions
    else:
        yield from head.columns()


def _header(columns: Sequence[Column]) -> list[list[str]]:
    titles = [column.title for column in columns]
    units = [column.unit if column.unit != column.title else "" for column in columns]
    return [["atom", "", "x", "y", "z", *titles], ["", "", "Å", "Å", "Å", *units]]


def _atoms(explanation: Explanation, columns: Sequence[Column]) -> list[list[str]]:
    return [
        [
            str(index),
            symbol,
            *(_decimal(value, 3) for value in explanation.positions[index]),
            *(number(column.values[index], column.unit) for column in columns),
        ]
        for index, symbol in enumerate(explanation.symbols[:MAX_ROWS])
    ]


def _totals(columns: Sequence[Column]) -> list[list[str]]:
    """Return a row with sums and one with means, as far as there are columns of which they say something."""
    totals = [
        number(float(column.values.mean() if column.is_averaged else column.values.sum()), column.unit)
        for column in columns
    ]
    rows = []
    for label, averaged in (("sum", False), ("mean", True)):
        mine = [
            total if column.is_averaged is averaged else ""
            for total, column in zip(totals, columns, strict=True)
        ]
        if any(mine):
            rows.append([label, "", "", "", "", *mine])
    return rows


def _left_out(explanation: Explanation) -> list[str]:
    more = len(explanation) - MAX_ROWS
    return [f"… and {more} more atoms; --format json, `to_pandas()` and -o have all"] if more > 0 else []


def _statements(explanation: Explanation) -> list[str]:
    """Return the property of each head in words, the warnings, the models and the caveat."""
    models = ", ".join(f"{model} ({model.digest[:12]})" for model in explanation.models)
    warnings = [f"warning: {warning}" for warning in explanation.warnings]
    properties = map(statement, explanation.heads.values())
    return [*properties, *warnings, f"models: {models}", CAVEAT]


def statement(head: Head) -> str:
    """Return the property of a head and what it is made of, in words."""
    value = f"{number(head.value, head.property_unit)} {head.property_unit}"
    if head.aggregation == "dipole" and head.vector is not None:
        vector = ", ".join(_decimal(part, 4) for part in head.vector)
        return f"dipole: {value}, vector ({vector}) from the charges about the centre of mass"
    origin = ORIGINS.get(head.aggregation, f"the {words(head.aggregation)} of the contributions")
    return f"{words(head.name)}: {value}, {origin}"


def words(name: str) -> str:
    """Return the name of a head as people write it."""
    return name.replace("_", " ")


def number(value: float, unit: str) -> str:
    """Return a value with the digits that its unit deserves."""
    digits = {"meV": 1, "kcal/mol": 2, "kJ/mol": 2, "Ha": 6}.get(unit.removesuffix(PER_ATOM), 4)
    return _decimal(value, digits)


def _decimal(value: float, digits: int) -> str:
    return f"{round(float(value), digits) + 0.0:.{digits}f}"  # + 0.0 makes zeros positive


def _escaped(value: str) -> str:
    return html.escape(value)
