"""Table files: explanations as columns, a row for each atom in CSV and flat arrays in NPZ."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from atomlens.client.explanation import Explanation

FIRST_COLUMNS = ("id", "models", "versions", "digests", "atom", "element", "x", "y", "z")
VECTORS = ("dipole", "dipole_origin")
SCALARS = ("energy", "dipole_magnitude")


class CsvWriter:
    """A row for each atom, in which the properties of its structure stand too.

    Rows are kept in a temporary file until the columns of all of them are known; a value that a row has not
    is empty. Columns of quantities carry their unit, as in ``energies [eV]`` and ``properties.energy [eV]``.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._columns: dict[str, int] = {}
        self._rows = tempfile.TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115
        self._writer = csv.writer(self._rows)

    def write(self, explanation: Explanation) -> None:
        """Write the rows of one structure."""
        units, quantities = explanation.units, explanation.columns()
        for head, value in explanation.properties.items():
            quantities[f"properties.{head}"] = np.full(len(explanation), value)
        places = [self._place(f"{name} [{units[name]}]") for name in quantities]
        fixed = [explanation.id, *_models(explanation)]
        values = np.column_stack([explanation.positions, *quantities.values()]).tolist()
        for atom, (symbol, row) in enumerate(zip(explanation.symbols, values, strict=True)):
            cells: list[Any] = [""] * len(self._columns)
            for place, value in zip(places, row[3:], strict=True):
                cells[place] = value
            self._writer.writerow([*fixed, atom, symbol, *row[:3], *cells])

    def finish(self) -> None:
        """Write the header and all rows."""
        output = csv.writer(self._stream, lineterminator="\n")
        header = [*FIRST_COLUMNS, *self._columns]
        output.writerow(header)
        self._rows.seek(0)
        for row in csv.reader(self._rows):
            output.writerow(row + [""] * (len(header) - len(row)))

    def close(self) -> None:
        """Remove the temporary file."""
        self._rows.close()

    def _place(self, column: str) -> int:
        return self._columns.setdefault(column, len(self._columns))


class NpzWriter:
    """Flat arrays, one structure after another, ``counts`` saying how many atoms each has.

    Quantities that a structure has not are NaN. All is kept in memory until the end, as the format needs.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._structures: list[dict[str, Any]] = []
        self._atomic: list[dict[str, npt.NDArray[np.float64]]] = []
        self._counts: list[int] = []
        self._numbers: list[npt.NDArray[np.uint8]] = []
        self._positions: list[npt.NDArray[np.float64]] = []
        self._units: dict[str, str] = {}

    def write(self, explanation: Explanation) -> None:
        """Keep the arrays of one structure."""
        self._counts.append(len(explanation))
        self._numbers.append(explanation.numbers)
        self._positions.append(explanation.positions)
        contributions = {
            f"contributions.{name}": values for name, values in explanation.contributions.items()
        }
        self._atomic.append(explanation.columns() | contributions)
        self._structures.append(dict(_whole(explanation)))
        self._units |= explanation.units

    def finish(self) -> None:
        """Write all arrays."""
        nothing = np.zeros(0)
        arrays: dict[str, Any] = {
            "counts": np.array(self._counts, np.int64),
            "numbers": np.concatenate([np.zeros(0, np.uint8), *self._numbers]),
            "positions": np.concatenate([np.zeros((0, 3)), *self._positions]),
            "units": np.array(json.dumps(self._units, ensure_ascii=False)),
        }
        for name in dict.fromkeys(name for row in self._structures for name in row):
            known = next(np.asarray(row[name]) for row in self._structures if name in row)
            missing = np.full(known.shape, np.nan) if known.dtype.kind == "f" else None
            arrays[name] = np.array([row.get(name, missing) for row in self._structures])
        for name in dict.fromkeys(name for row in self._atomic for name in row):
            parts = [
                row.get(name, np.full(count, np.nan))
                for row, count in zip(self._atomic, self._counts, strict=True)
            ]
            arrays[name] = np.concatenate([nothing, *parts])
        np.savez_compressed(self._stream, **arrays)

    def close(self) -> None:
        """Leave the stream to whoever opened it."""


def _whole(explanation: Explanation) -> Iterator[tuple[str, Any]]:
    """Yield the name and value of all that is not atomic; lists of texts are joined by spaces."""
    cell = explanation.cell
    yield "id", explanation.id
    yield "cell", np.full((3, 3), np.nan) if cell is None else cell
    yield "pbc", explanation.pbc
    yield "charge", explanation.charge
    yield from zip(("models", "versions", "digests"), _models(explanation), strict=True)
    yield "warnings", "; ".join(explanation.warnings)
    for name in (*SCALARS, *VECTORS):
        if (value := getattr(explanation, name)) is not None:
            yield name, value
    for head, value in explanation.properties.items():
        yield f"properties.{head}", value


def _models(explanation: Explanation) -> list[str]:
    """Return the names, versions and digests of the models, each joined by spaces."""
    return [
        " ".join(model.name for model in explanation.models),
        " ".join(str(model.version) for model in explanation.models),
        " ".join(model.digest for model in explanation.models),
    ]
