"""Table: an explanation as people read it, in text and in HTML."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

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
}


def text(explanation: Explanation) -> str:
    """Return a title, a line for each atom, their sums, the properties and what to keep in mind."""
    rows = [*_header(explanation), *_atoms(explanation, MAX_ROWS), _sums(explanation)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    rule = "─" * max(map(len, lines))
    left_out = _left_out(explanation)
    body = [*lines[:2], rule, *lines[2:-1], *left_out, rule, lines[-1]]
    return "\n".join([_title(explanation), "", *body, "", *_statements(explanation)])


def html_table(explanation: Explanation) -> str:
    """Return the same as HTML for notebooks."""
    names, units = _header(explanation)
    head = "".join(
        f"<th>{_escaped(name)}<br>{_escaped(unit)}</th>" for name, unit in zip(names, units, strict=True)
    )
    rows = [*_atoms(explanation, MAX_ROWS), _sums(explanation)]
    body = "".join("<tr>" + "".join(f"<td>{_escaped(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    notes = "<br>".join(map(_escaped, [*_left_out(explanation), *_statements(explanation)]))
    return (
        f"<div><b>{_escaped(_title(explanation))}</b>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{notes}</p></div>"
    )


def _title(explanation: Explanation) -> str:
    structure = explanation.structure
    parts = [structure.id, structure.formula, f"{len(structure)} atom{'s' * (len(structure) != 1)}"]
    if structure.charge:
        parts.append(f"charge {structure.charge:+g} e")
    if structure.pbc.any():
        parts.append("periodic")
    return "  ".join(part for part in parts if part)


def _header(explanation: Explanation) -> list[list[str]]:
    units = explanation.units
    names = list(explanation.columns())
    titles = [TITLES.get(name, name.replace("_", " ")) for name in names]
    return [["atom", "", "x", "y", "z", *titles], ["", "", "Å", "Å", "Å", *(units[name] for name in names)]]


def _atoms(explanation: Explanation, limit: int) -> list[list[str]]:
    columns = explanation.columns()
    symbols = explanation.symbols[:limit]
    return [
        [
            str(index),
            symbol,
            *(f"{value:.3f}" for value in explanation.positions[index]),
            *(number(values[index], explanation.units[name]) for name, values in columns.items()),
        ]
        for index, symbol in enumerate(symbols)
    ]


def _sums(explanation: Explanation) -> list[str]:
    units = explanation.units
    sums = (number(float(values.sum()), units[name]) for name, values in explanation.columns().items())
    return ["sum", "", "", "", "", *sums]


def _left_out(explanation: Explanation) -> list[str]:
    more = len(explanation) - MAX_ROWS
    return [f"… and {more} more atoms; --format json, `to_pandas()` and -o have all"] if more > 0 else []


def _statements(explanation: Explanation) -> list[str]:
    """Return the property of each head in words, the warnings, the models and the caveat."""
    models = ", ".join(f"{model} ({model.digest[:12]})" for model in explanation.models)
    warnings = [f"warning: {warning}" for warning in explanation.warnings]
    return [*_properties(explanation), *warnings, f"models: {models}", CAVEAT]


def _properties(explanation: Explanation) -> list[str]:
    lines = []
    for head in explanation.heads.values():
        value = f"{number(head.value, head.property_unit)} {head.property_unit}"
        if head.aggregation == "dipole" and head.vector is not None:
            vector = ", ".join(f"{part:.4f}" for part in head.vector)
            lines.append(f"dipole: {value}, vector ({vector}) from the charges about the centre of mass")
        else:
            lines.append(
                f"{head.name}: {value}, the {head.aggregation.replace('_', ' ')} of the contributions"
            )
    return lines


def number(value: float, unit: str) -> str:
    """Return a value with the digits that its unit deserves."""
    digits = {"meV": 1, "kcal/mol": 2, "kJ/mol": 2, "Ha": 6}.get(unit, 4)
    return f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0 makes zeros positive


def _escaped(value: str) -> str:
    return html.escape(value)
