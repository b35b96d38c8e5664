"""Structure: one molecule or crystal as the client holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from atomlens.client.arrays import array, floats, wrong_shape
from atomlens.client.elements import NUMBERS, SYMBOLS, formula
from atomlens.client.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

Floats: TypeAlias = npt.NDArray[np.float64]
FULL = 0.999  # an occupancy that is 1, rounded
NOT_PERIODIC: npt.NDArray[np.bool_] = np.broadcast_to(np.False_, 3)  # wherever nothing repeats
FIELDS = ("numbers", "positions", "cell", "pbc", "charge", "spin", "id")
KEYS = ("numbers", "symbols", "positions", "cell", "pbc", "charge", "spin", "id")
StructureLike: TypeAlias = "Structure | Atoms | Mapping[str, Any] | tuple[Any, Any]"


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Structure:
    """Atoms, where they are, and what repeats; arrays of the right shapes and lengths, whatever they hold."""

    numbers: npt.NDArray[np.uint8]  # (atoms,) atomic numbers
    positions: Floats  # (atoms, 3) Å
    cell: Floats | None  # (3, 3) Å, rows are lattice vectors
    pbc: npt.NDArray[np.bool_]  # (3,) which lattice vectors repeat
    charge: float  # e
    spin: int  # multiplicity, 0 for not given
    id: str

    def __init__(
        self,
        numbers: npt.ArrayLike,
        positions: npt.ArrayLike,
        cell: npt.ArrayLike | None = None,
        pbc: npt.ArrayLike = False,
        charge: float = 0.0,
        spin: int = 0,
        id: str = "",
    ) -> None:
        """Check shapes and lengths; raises `InputError`."""
        self._hold(
            atomic_numbers(numbers),
            rows_of_three(positions),
            None if cell is None else _cell(cell),
            _pbc(pbc),
            _number("charge", charge),
            _whole("spin", spin),
            str(id),
        )
        if len(self.positions) != len(self.numbers):
            atoms, rows = len(self.numbers), len(self.positions)
            message = f"`positions` must have a row for each of {atoms} `numbers`, got {rows}"
            raise InputError(message, reason="WRONG_SHAPE", field="positions")

    @classmethod
    def unchecked(cls, *values: Any) -> Structure:
        """Return a structure of the fields of others, in order: checked, and arrays not to be written to."""
        made = object.__new__(cls)
        made._hold(*values)
        return made

    @classmethod
    def of(cls, value: StructureLike) -> Structure:
        """Return a structure from `ase.Atoms`, a mapping of this class's fields, or (numbers, positions).

        Of `ase.Atoms`, ``info["charge"]`` is the total charge and ``info["spin"]`` the multiplicity. Sites
        that are occupied in part, as crystallographic files may have them, are refused.
        """
        if isinstance(value, Structure):
            return value
        if isinstance(value, Mapping):
            return cls._of_mapping(value)
        if isinstance(value, tuple) and len(value) == 2:
            return cls(value[0], value[1])
        if hasattr(value, "get_atomic_numbers"):
            return cls._of_atoms(value)
        raise InputError(
            "`structure` must be ase.Atoms, a dict, a path or (numbers, positions), "
            f"got {type(value).__name__}",
            reason="WRONG_TYPE",
            field="structure",
        )

    @classmethod
    def _of_mapping(cls, value: Mapping[str, Any]) -> Structure:
        unknown = sorted(set(value) - set(KEYS))
        if unknown:
            raise InputError(
                f"a structure has no `{unknown[0]}`, it has {', '.join(KEYS)}", reason="WRONG_TYPE"
            )
        fields = dict(value)
        if "symbols" in fields:
            fields["numbers"] = _numbers_of(fields.pop("symbols"))
        missing = {"numbers", "positions"} - set(fields)
        if missing:
            raise InputError(f"a structure needs `{min(missing)}`", reason="WRONG_SHAPE", field=min(missing))
        return cls(**fields)

    @classmethod
    def _of_atoms(cls, atoms: Any) -> Structure:
        cell = np.asarray(atoms.cell, np.float64)
        _check_occupancy(atoms.info.get("occupancy"))
        return cls(
            atoms.get_atomic_numbers(),
            atoms.get_positions(),
            cell if cell.any() else None,
            atoms.get_pbc(),
            atoms.info.get("charge", 0.0),
            atoms.info.get("spin", 0),
        )

    def __len__(self) -> int:
        return len(self.numbers)

    def __reduce__(self) -> tuple[type[Structure], tuple[Any, ...]]:
        """Copy and pickle through the constructor: arrays come out of a pickle writable."""
        return type(self), tuple(getattr(self, name) for name in FIELDS)

    @property
    def symbols(self) -> list[str]:
        """Symbol of each atom."""
        return [SYMBOLS[number] for number in self.numbers]

    @property
    def formula(self) -> str:
        """Hill formula."""
        return formula(self.numbers.tolist())

    def named(self, name: str) -> Structure:
        """Return the same structure with an id."""
        return self.unchecked(
            self.numbers, self.positions, self.cell, self.pbc, self.charge, self.spin, str(name)
        )

    def _hold(
        self,
        numbers: npt.NDArray[np.uint8],
        positions: Floats,
        cell: Floats | None,
        pbc: npt.NDArray[np.bool_],
        charge: float,
        spin: int,
        id: str,
    ) -> None:
        put = object.__setattr__  # one by one: a loop takes twice as long, for each of a million structures
        put(self, "numbers", numbers)
        put(self, "positions", positions)
        put(self, "cell", cell)
        put(self, "pbc", pbc)
        put(self, "charge", charge)
        put(self, "spin", spin)
        put(self, "id", id)


def _check_occupancy(occupancy: Any) -> None:
    """Raise `InputError` for ASE's occupancies of sites, {site: {symbol: occupancy}}, if any is not full."""
    sites = occupancy.values() if isinstance(occupancy, Mapping) else ()
    for site in sites:
        if isinstance(site, Mapping) and not any(part >= FULL for part in site.values()):
            parts = ", ".join(f"{part:g} {symbol}" for symbol, part in site.items())
            message = f"`occupancy` must be one whole atom on every site, got {parts}"
            raise InputError(message, reason="PARTIAL_OCCUPANCY", field="occupancy")


def _numbers_of(symbols: Any) -> list[int]:
    try:
        return [NUMBERS[symbol] for symbol in symbols]
    except KeyError as error:
        message = f"`symbols` must be symbols of elements, got {error.args[0]!r}"
        raise InputError(message, reason="UNKNOWN_ELEMENT", field="symbols") from error


def atomic_numbers(value: Any) -> npt.NDArray[np.uint8]:
    """Return a copy as atomic numbers (atoms,); raises `InputError` for anything else."""
    numbers = array("numbers", value)
    if numbers.ndim != 1:
        raise wrong_shape("numbers", "(atoms,)", numbers.shape)
    if numbers.dtype.kind not in "iu" and numbers.size:
        raise InputError(
            f"`numbers` must be integers, got {numbers.dtype}", reason="WRONG_TYPE", field="numbers"
        )
    outside = numbers[(numbers < 1) | (numbers >= len(SYMBOLS))]
    if outside.size:
        message = f"`numbers` must be atomic numbers from 1 to {len(SYMBOLS) - 1}, got {outside[0]}"
        raise InputError(message, reason="UNKNOWN_ELEMENT", field="numbers")
    atomic = numbers.astype(np.uint8)
    atomic.setflags(write=False)
    return atomic


def rows_of_three(value: Any) -> Floats:
    """Return a copy as positions (atoms, 3); raises `InputError` for anything else."""
    positions = floats("positions", value)
    if positions.size == 0:
        positions = positions.reshape(-1, 3)
    if positions.ndim != 2 or positions.shape[1] != 3:
        raise wrong_shape("positions", "(atoms, 3)", positions.shape)
    return positions


def _cell(value: Any) -> Floats:
    cell = floats("cell", value)
    if cell.shape != (3, 3):
        raise wrong_shape("cell", "(3, 3)", cell.shape)
    return cell


def _pbc(value: Any) -> npt.NDArray[np.bool_]:
    if value is False:
        return NOT_PERIODIC
    pbc = np.asarray(value)
    if pbc.shape not in ((), (3,)):
        raise wrong_shape("pbc", "(3,)", pbc.shape)
    return np.broadcast_to(pbc.astype(np.bool_), 3) if pbc.any() else NOT_PERIODIC


def _number(name: str, value: Any) -> float:
    if type(value) is float:
        return value
    number = floats(name, value)
    if number.ndim:
        raise wrong_shape(name, "one number", number.shape)
    return float(number)


def _whole(name: str, value: Any) -> int:
    if type(value) is int and 0 <= value < 2**31:
        return value
    number = _number(name, value)
    if not number.is_integer() or not 0 <= number < 2**31:
        raise InputError(
            f"`{name}` must be a multiplicity or 0, got {value}", reason="WRONG_TYPE", field=name
        )
    return int(number)
