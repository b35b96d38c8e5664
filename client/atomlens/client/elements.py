"""Elements: the symbols of the periodic table by atomic number."""

from __future__ import annotations

from collections.abc import Iterable

from atomlens.client.errors import InternalError

_TABLE = (
    "X H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr "
    "Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu "
    "Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr "
    "Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og"
)
SYMBOLS: tuple[str, ...] = tuple(_TABLE.split())  # by atomic number, X for none
NUMBERS: dict[str, int] = {symbol: number for number, symbol in enumerate(SYMBOLS) if number}


def symbol_of(number: int) -> str:
    """Return the symbol of an atomic number that a server told; raises `InternalError` for none of these."""
    if not 0 <= number < len(SYMBOLS):
        raise InternalError(f"the server tells of element {number}, which there is not")
    return SYMBOLS[number]


def formula(numbers: Iterable[int]) -> str:
    """Return the Hill formula of atomic ``numbers``: carbon, hydrogen, then the alphabet."""
    symbols = [SYMBOLS[number] for number in numbers]
    first = ("C", "H") if "C" in symbols else ()
    rest = sorted(set(symbols) - set(first))
    counts = [(symbol, symbols.count(symbol)) for symbol in (*first, *rest)]
    return "".join(f"{symbol}{count if count > 1 else ''}" for symbol, count in counts if count)
