"""Contents: what a report holds, and the forms it can be had in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from atomlens.client.atomic_file import whole_file
from atomlens.client.errors import InputError
from atomlens.client.explanation import Explanation, ModelReference
from atomlens.client.probe import ProbeMap
from atomlens.client.report.element_means import ElementMean
from atomlens.client.report.surface_map import SurfaceMap
from atomlens.client.structure import Structure

STILL = ".png"
SUFFIXES = (".html", ".htm", STILL)


def _today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """A structure, what models say of its atoms, and of probes on surfaces and grids around it."""

    structure: Structure
    explanation: Explanation | None = None
    surfaces: tuple[SurfaceMap, ...] = ()
    maps: tuple[ProbeMap, ...] = ()  # on grids or lists of points
    means: tuple[ElementMean, ...] = ()  # what deviations are from
    notes: tuple[str, ...] = ()  # what is not in it, and why
    date: str = field(default_factory=_today)
    version: str = field(default_factory=lambda: version("atomlens"))

    @property
    def models(self) -> tuple[ModelReference, ...]:
        """Every model that said something of it, once."""
        explaining = () if self.explanation is None else self.explanation.models
        probing = (found.model for found in (*(one.map for one in self.surfaces), *self.maps))
        return tuple(dict.fromkeys((*explaining, *probing)))

    @property
    def meshes(self) -> list[SurfaceMap]:
        """One map of each mesh: several models may have been asked about the same points."""
        return list({id(one.mesh): one for one in self.surfaces}.values())

    def html(self) -> str:
        """Return one page that needs no network; `load_report` reads the data back from it."""
        from atomlens.client.report.page import page

        return page(self)

    def write(self, path: Path | str) -> None:
        """Write the page to ``.html``, or a still of it to ``.png``."""
        path = Path(path)
        check_output(path)
        if path.suffix.lower() == STILL:
            self.still(path)
            return
        with whole_file(path) as file:
            file.write(self.html())

    def still(self, path: Path | str) -> None:
        """Write the pictures of the page to ``.png``; needs Chromium, which draws them."""
        from atomlens.client.report.chromium import still

        still(self.html(), Path(path))

    def __repr__(self) -> str:
        name = self.structure.id or self.structure.formula
        counts = ((len(self.structure), "atom"), (len(self.meshes), "surface"), (len(self.maps), "map"))
        parts = ", ".join(f"{count:,} {noun}{'s' * (count != 1)}" for count, noun in counts if count)
        models = " and ".join(map(str, self.models))
        return f"<Report {name}: {parts}{f' by {models}' if models else ''}>"

    def _repr_html_(self) -> str:
        from atomlens.client.report.page import framed

        return framed(self.html())


def check_output(path: Path) -> None:
    """Raise `InputError` for a file whose suffix names no form of a report."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"`output` must end in {', '.join(SUFFIXES)}, got {path.name!r}", field="output")
