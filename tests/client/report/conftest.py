"""Structures, and reports made by hand with invented values."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from atomlens.client import Explanation, Head, ModelReference, Structure
from atomlens.client.probe import Grid, ProbeField, ProbeMap
from atomlens.client.report import Report, Surface, SurfaceMap, mesh
from atomlens.client.report.chromium import NAMES
from atomlens.client.report.element_means import ElementMean
from atomlens.client.structure import Floats

ANGLES = np.arange(6) * np.pi / 3
RING = np.stack([np.cos(ANGLES), np.sin(ANGLES), np.zeros(6)], axis=1)
BENZENE = Structure([6] * 6 + [1] * 6, np.concatenate([1.395 * RING, 2.48 * RING]), id="benzene")
WATER = Structure([8, 1, 1], [[0.0, 0.0, 0.1], [0.0, 0.8, -0.5], [0.0, -0.8, -0.5]], id="dir/water.xyz@0")
SALT = Structure([11, 17], [[0.0, 0.0, 0.0], [2.82, 0.0, 0.0]], 2.82 * (1 - np.eye(3)), True, id="NaCl.cif@0")
ENERGY = ModelReference("e", 2, "ab" * 32, "cpu")
CHARGE = ModelReference("q", 1, "cd" * 32, "cpu")
MEANS = (ElementMean("energy", "O", -1.5, 0.2, 100), ElementMean("energy", "H", -2.25, 0.1, 200))


def explanation_of(structure: Structure) -> Explanation:
    """Return what invented models say: energies of -1, -2, ... eV, and charges from -0.3 to 0.3 e."""
    model = -np.arange(1.0, len(structure) + 1)
    offset = 10.0 * structure.numbers.astype(np.float64)
    energy = Head("energy", "sum", "eV", "eV", float((model + offset).sum()), model + offset, model, offset)
    raw = np.array([0.6 * atom / max(1, len(structure) - 1) - 0.2 for atom in range(len(structure))])
    vector = np.array([0.0, 0.3, 0.4])
    charge = Head("charge", "dipole", "e", "e·Å", 0.5, raw - raw.mean(), raw=raw, vector=vector)
    return Explanation(structure, {"energy": energy, "charge": charge}, (ENERGY, CHARGE), ("a < b",))


def values_at(points: Floats) -> npt.NDArray[np.float32]:
    """Return two invented fields: the height of a point, and one that is lower and flatter."""
    return np.stack([points[:, 2], points[:, 2] / 2 - 1]).astype(np.float32)


def probe_map(
    structure: Structure, where: Grid | Floats, closest: float = 0.0, model: ModelReference = ENERGY
) -> ProbeMap:
    """Return invented values of probes of H and O, of energies or charges, which are smaller."""
    head, unit, size = ("energy", "eV", 1.0) if model == ENERGY else ("charge", "e", 0.125)
    fields = tuple(ProbeField(head, element, unit) for element in ("H", "O"))
    points = where.points() if isinstance(where, Grid) else where
    shape = where.counts if isinstance(where, Grid) else (len(points),)
    distances = {probe: dict.fromkeys(structure.symbols, closest * (probe == "O")) for probe in ("H", "O")}
    return ProbeMap(structure, model, fields, size * values_at(points).reshape(2, *shape), where, distances)


def surface_map(
    structure: Structure, distance: float, closest: float = 0.0, model: ModelReference = ENERGY
) -> SurfaceMap:
    """Return invented values on a surface."""
    found = mesh(structure, Surface(distance), 0.4)
    return SurfaceMap(Surface(distance), found, probe_map(structure, found.vertices, closest, model))


def water_report() -> Report:
    """Return a report of water: two models, two surfaces; probes of O extrapolate on a part of one."""
    surfaces = []
    for distance in (1.6, 2.0):
        first = surface_map(WATER, distance, 1.63)
        second = probe_map(WATER, first.mesh.vertices, 1.63, CHARGE)
        surfaces += [first, SurfaceMap(first.surface, first.mesh, second)]
    return Report(
        WATER, explanation_of(WATER), tuple(surfaces), (), MEANS, ("left out",), "2026-01-02", "9.9"
    )


@pytest.fixture(scope="session")
def water() -> Report:
    """A report of water."""
    return water_report()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, driven by Playwright; only while a module lasts, for it runs an event loop."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        message = f"none of {', '.join(NAMES)} is on the PATH"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=arguments)
        yield running
        running.close()


class Opened:
    """A page in a browser without a network; what it asks for and what goes wrong is collected."""

    def __init__(self, browser: Any, path: Path, width: int = 1300) -> None:
        self.errors: list[str] = []
        self.requests: list[str] = []
        context = browser.new_context(viewport={"width": width, "height": 900})
        context.set_offline(True)
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._note)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html.drawn", timeout=60_000)

    def _note(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    @property
    def foreign(self) -> list[str]:
        """What was asked of a network."""
        return [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))]

    def trace(self, plot: str, name: str) -> dict[str, Any]:
        """Return the range, the number of triangles and some values of a trace, by its name."""
        found: dict[str, Any] = self.page.evaluate(
            """([plot, name]) => {
                const trace = document.getElementById(plot).data.find((one) => one.name === name);
                const { cmin, cmax, opacity, colorscale, text, x, y, z, i } = trace;
                const values = Array.from(trace.intensity ?? trace.marker?.color ?? []);
                const points = Array.from(x, (first, point) => [first, y[point], z[point]]);
                return { cmin, cmax, opacity, colorscale, values, points, text: text?.[0], faces: i?.length };
            }""",
            [plot, name],
        )
        return found

    def names(self, plot: str) -> list[str]:
        """Return the names of what is drawn."""
        found: list[str] = self.page.evaluate(
            "(id) => document.getElementById(id).data.map((one) => one.name)", plot
        )
        return found

    def choose(self, control: str, label: str) -> None:
        """Click the button of a control that has a label."""
        self.page.locator(f"#{control} label", has_text=label).first.click()
