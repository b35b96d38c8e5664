"""Expectations: what chemistry leads one to expect of learned energies and charges, and whether it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from atomlens.client.structure import Floats, Structure
from atomlens.client.study.statistics import auc, auc_within

if TYPE_CHECKING:
    from atomlens.client.study.environments import Environments

# Said before anything was measured; a row that fails by them stays.
AREA = 0.7  # of the curve that tells two classes apart, within molecules of one size
SHARE = 0.9  # of the atoms of a class that have the sign they should
RANK = 0.7  # Spearman's correlation with reference charges
WATER_CHARGE, WATER_BAND = -0.65, 0.05  # e; water's dipole and shape leave -0.656 e, and 0.1 D are 0.035 e
FEWEST = 10  # atoms of a class to say anything about it

WATER = Structure([8, 1, 1], [[0.0, 0.0, 0.0], [0.7572, 0.5865, 0.0], [-0.7572, 0.5865, 0.0]], id="water")
CARBONYL_C = ("C carboxyl", "C amide", "C aldehyde or ketone")
CARBONYL_O = ("O acid or ester carbonyl", "O amide carbonyl", "O aldehyde or ketone")
ETHER_OR_HYDROXYL = ("O ether", "O epoxide", "O alcohol", "O enol or phenol")
TWO_COORDINATE_N = ("N imine", "N pyridine-like")
H_ON_C = ("H on sp C", "H on sp2 C", "H on sp3 C")

ORDER_RULE = f"means in order, and AUC of neighbouring classes ≥ {AREA} within molecules of equal atom count"

Classes: TypeAlias = Mapping[str, Sequence[str]]
# Classes of atoms from the lowest energy to the highest, each with the labels that it is made of.
ENERGY_ORDERS: tuple[Classes, ...] = (
    {"C sp": ("C sp",), "C sp2": ("C sp2",), "C sp3": ("C sp3",)},
    {"O carbonyl": CARBONYL_O, "O ether or hydroxyl": ETHER_OR_HYDROXYL},
    {"N nitrile": ("N nitrile",), "N two-coordinate": TWO_COORDINATE_N, "N amine": ("N amine",)},
)
CHARGE_ORDER: Classes = {"H on C": H_ON_C, "H on N or O": ("H on N", "H on O")}


@dataclass(frozen=True, slots=True)
class Expectation:
    """One row."""

    expectation: str  # in words
    rule: str  # by which it holds
    measured: str  # in words, with numbers and units
    holds: bool | None  # None: it could not be measured, `measured` says why
    numbers: Mapping[str, float] = field(default_factory=dict)  # the same for JSON


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """What a model says of atoms whose environments are known; atoms without a value are left out."""

    environments: Environments
    numbers: npt.NDArray[np.int64]  # (atoms,) atomic numbers
    sizes: npt.NDArray[np.int64]  # (atoms,) how many atoms the molecule of each has
    values: Floats  # (atoms,) energies without offsets in eV, or charges in e

    def of(self, labels: Sequence[str]) -> tuple[Floats, npt.NDArray[np.int64]]:
        """Return the values and the sizes of the atoms that have one of these labels: (class atoms,) each."""
        chosen = self.environments.among(labels) & np.isfinite(self.values)
        return self.values[chosen], self.sizes[chosen]


def energy_expectations(atoms: Labelled) -> list[Expectation]:
    """Return the rows about the energies of atoms."""
    return [_order("ε", "eV", classes, atoms) for classes in ENERGY_ORDERS]


def charge_expectations(atoms: Labelled, water_oxygen: float | None) -> list[Expectation]:
    """Return the rows about charges.

    Args:
        atoms: with charges after neutrality.
        water_oxygen: the charge of the oxygen of `WATER` in e, None where the model was not asked.
    """
    oxygen = atoms.values[(atoms.numbers == 8) & np.isfinite(atoms.values)]
    return [
        _sign("oxygen is negative", "O", oxygen, -1),
        _order("q", "e", CHARGE_ORDER, atoms),
        _sign("carbonyl carbon is positive", "C of C=O", atoms.of(CARBONYL_C)[0], 1),
        _water(water_oxygen),
    ]


def rank_expectation(reference: str, overall: float, by_element: Mapping[str, float]) -> Expectation:
    """Return the row about how charges rank with reference charges.

    Args:
        reference: its name.
        overall: Spearman's correlation over all atoms, NaN where there is none.
        by_element: the same within each element, which says more of environments and decides nothing.
    """
    row = partial(
        Expectation, f"q: learned charges rank with {reference}", f"Spearman over all atoms > {RANK}"
    )
    if not isfinite(overall):
        return row("there is nothing to correlate", None)
    known = {symbol: value for symbol, value in by_element.items() if isfinite(value)}
    within = ", ".join(f"{symbol} {value:.2f}" for symbol, value in known.items())
    measured = f"Spearman {overall:.3f}" + (f"; within elements {within}" if within else "")
    numbers = {"Spearman": overall} | {f"Spearman {symbol}": value for symbol, value in known.items()}
    return row(measured, overall > RANK, numbers)


def _order(symbol: str, unit: str, classes: Classes, atoms: Labelled) -> Expectation:
    """Return the row that says that ``classes`` stand in order of their values."""
    row = partial(Expectation, f"{symbol}: {' < '.join(classes)}", ORDER_RULE)
    members = {name: atoms.of(labels) for name, labels in classes.items()}
    if missing := _missing({name: len(values) for name, (values, _) in members.items()}):
        return row(missing, None)
    means = {name: float(values.mean()) for name, (values, _) in members.items()}
    areas = list(_areas(members))
    said = [f"{name} {mean:.3f} {unit} ({len(members[name][0])} atoms)" for name, mean in means.items()]
    said += [
        f"AUC {pair} {within:.3f} at equal size, {overall:.3f} overall" for pair, overall, within in areas
    ]
    numbers = {f"mean {name}": mean for name, mean in means.items()}
    numbers |= {f"atoms {name}": float(len(values)) for name, (values, _) in members.items()}
    numbers |= {f"AUC {pair}": overall for pair, overall, _ in areas}
    if not all(isfinite(within) for _, _, within in areas):
        return row("no two molecules of equal size to compare", None, numbers)
    numbers |= {f"AUC {pair} at equal size": within for pair, _, within in areas}
    ordered = all(low < high for low, high in pairwise(means.values()))
    holds = ordered and all(within >= AREA for *_, within in areas)
    return row("; ".join(said), holds, numbers)


def _areas(
    members: Mapping[str, tuple[Floats, npt.NDArray[np.int64]]],
) -> Iterator[tuple[str, float, float]]:
    """Yield of each two neighbouring classes what they are, their AUC, and that within equal sizes."""
    for (low, (lower, small)), (high, (higher, large)) in pairwise(members.items()):
        yield f"{low} < {high}", auc(lower, higher), auc_within(lower, higher, small, large)


def _sign(words: str, name: str, values: Floats, sign: int) -> Expectation:
    """Return the row that says that values have a sign, +1 or -1."""
    row = partial(Expectation, f"q: {words}", f"in the mean, and {SHARE:.0%} of the atoms")
    if missing := _missing({name: len(values)}):
        return row(missing, None)
    mean, share = float(values.mean()), float((sign * values > 0).mean())
    measured = f"mean {mean:+.3f} e; {share:.1%} of {len(values)} atoms"
    numbers = {"mean": mean, "share": share, "atoms": float(len(values))}
    return row(measured, sign * mean > 0 and share >= SHARE, numbers)


def _water(charge: float | None) -> Expectation:
    rule = f"within {WATER_BAND} e of {WATER_CHARGE} e, which its dipole and shape demand"
    row = partial(Expectation, "q: oxygen of water", rule)
    if charge is None or not isfinite(charge):
        return row("the model said nothing of water", None)
    return row(f"{charge:.3f} e", abs(charge - WATER_CHARGE) <= WATER_BAND, {"charge": charge})


def _missing(counts: Mapping[str, int]) -> str:
    """Return which classes have too few atoms, empty when none has."""
    few = [f"{count} atoms of {name}" for name, count in counts.items() if count < FEWEST]
    return f"only {' and '.join(few)} in the data; {FEWEST} are needed" if few else ""
