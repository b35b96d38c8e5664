"""Pages as a browser shows them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from atomlens.client import Structure
from atomlens.client.probe import Grid
from atomlens.client.report import Report
from atomlens.client.report.map_report import map_report
from atomlens.client.report.pictures import pictures
from atomlens.client.report.scale import PALETTES

from .conftest import CHARGE, SALT, WATER, Opened, explanation_of, probe_map, surface_map, water_report

GRID = Grid([-3.0, -3.2, -3.1], np.diag([0.5, 0.55, 0.6]), (13, 12, 11))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of water in a file."""
    file = tmp_path_factory.mktemp("page") / "water report.html"
    water_report().write(file)
    return file


@pytest.fixture
def opened(browser: Any, path: Path) -> Iterator[Opened]:
    """That page in a browser, which must not complain, nor ask for anything."""
    one = Opened(browser, path)
    yield one
    assert one.errors == []
    assert one.foreign == []
    one.page.context.close()


def show(browser: Any, report: Report, folder: Path) -> Opened:
    """Return another page in a browser."""
    file = folder / "page.html"
    report.write(file)
    one = Opened(browser, file)
    assert one.errors == []
    return one


def pixels(opened: Opened, plot: str) -> npt.NDArray[np.int64]:
    """Return the colours of a picture: (pixels, 3)."""
    from matplotlib.image import imread

    image = imread(io.BytesIO(opened.page.locator(f"#{plot}").screenshot()), format="png")
    colors: npt.NDArray[np.int64] = np.rint(255 * image[..., :3]).astype(np.int64)
    return colors.reshape(-1, 3)


def count_near(colors: npt.NDArray[np.int64], color: str) -> int:
    """Return how many pixels have the hue of a colour: light and shade leave it as it is."""
    wanted = np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)], float)
    saturated = colors[np.ptp(colors, axis=1) > 60] - colors[np.ptp(colors, axis=1) > 60].min(
        axis=1, keepdims=True
    )
    direction = wanted - wanted.min()
    cosines = saturated @ direction / (np.linalg.norm(saturated, axis=1) * np.linalg.norm(direction))
    return int((cosines > 0.98).sum())


def rows(opened: Opened) -> list[list[str]]:
    """Return the texts of the rows of atoms, in the order that one sees."""
    found: list[list[str]] = opened.page.eval_on_selector_all(
        "#atom-table tbody tr", "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    return found


def test_it_opens_without_a_network(opened: Opened) -> None:
    """Both pictures are there, made of what they are called."""
    assert opened.names("atoms-plot") == ["energy", "bonds"]
    assert opened.names("space-plot") == ["field", "molecule", "bonds"]


def test_the_table(opened: Opened) -> None:
    """Its numbers are those of the explanation."""
    assert rows(opened)[1] == ["1", "H", "-2.0000", "0.2500", "10.0000", "8.0000", "0.1000", "0.0000"]
    sums = opened.page.locator("#atom-table tfoot tr").inner_text().split()
    assert sums == ["sum", "-6.0000", "0.0000", "100.0000", "94.0000", "0.3000", "0.0000"]


def test_sorting(opened: Opened) -> None:
    """A click on a column sorts by its numbers or letters, another the other way; equals keep their order."""
    learned = opened.page.locator("#atom-table th", has_text="learned")
    learned.locator("button").click()
    assert [row[0] for row in rows(opened)] == ["2", "1", "0"]
    assert learned.get_attribute("aria-sort") == "ascending"
    learned.locator("button").click()
    assert [row[0] for row in rows(opened)] == ["0", "1", "2"]
    opened.page.locator("#atom-table th", has_text="element").first.locator("button").click()
    assert [row[1] for row in rows(opened)] == ["H", "H", "O"]
    assert [row[0] for row in rows(opened)] == ["1", "2", "0"]
    assert learned.get_attribute("aria-sort") is None


def test_colouring(opened: Opened) -> None:
    """Atoms are drawn in what is chosen, with the range of its legend; hovering tells all of an atom."""
    trace = opened.trace("atoms-plot", "energy")
    assert set(trace["values"]) == {-1.0, -2.0, -3.0}
    assert (trace["cmin"], trace["cmax"]) == (-3.0, -1.0)
    assert trace["text"] == (
        "<b>O0</b><br>Learned energy: -1.0000 eV<br>Energy vs. element: 0.5000 eV<br>Charge: -0.3000 e"
    )
    opened.choose("coloring", "Charge")
    trace = opened.trace("atoms-plot", "charge")
    np.testing.assert_allclose(np.unique(np.round(trace["values"], 6)), [-0.3, 0.0, 0.3], atol=1e-6)
    assert trace["colorscale"][0][1] == PALETTES["charge"][0]
    legend = opened.page.locator("#atoms-legend").inner_text().split("\n")
    reach = pictures(water_report())["scales"]["q@1|charge|H"]["reach"]
    assert 0.3 < reach < 0.31
    assert legend[:4] == ["Chargee", f"{-reach:.4f}", "0.0000", f"{reach:.4f}"]
    assert "Centre: 0.0000 e, no charge; red is negative, blue positive." in legend


def test_surfaces(opened: Opened) -> None:
    """Probe, property and distance choose values and shape; the scale stays, of charges for all probes."""
    report = water_report()
    fields = {}
    for distance, places in (("1.6 Å", (0, 1)), ("2.0 Å", (2, 3))):
        for kind, place in zip(("energy", "charge"), places, strict=True):
            for row, element in enumerate("HO"):
                opened.choose("place", distance)
                opened.choose("property", kind)
                opened.choose("probe", element)
                trace = opened.trace("space-plot", "field")
                one = report.surfaces[place]
                np.testing.assert_array_equal(np.float32(trace["values"]), one.map.values[row])
                np.testing.assert_allclose(trace["points"], one.mesh.vertices, atol=1e-6)
                fields[distance, kind, element] = (trace["cmin"], trace["cmax"])
    assert fields["1.6 Å", "energy", "H"] == fields["2.0 Å", "energy", "H"]
    assert len(set(fields.values())) == 3
    low, high = fields["2.0 Å", "charge", "O"]
    assert low == -high
    opened.choose("coloring", "Charge")
    atoms = opened.trace("atoms-plot", "charge")
    assert (atoms["cmin"], atoms["cmax"]) == (low, high)


def test_what_a_scale_is_for(opened: Opened) -> None:
    """The legend says what else has its colours, and how many points lie beyond them."""
    opened.choose("property", "energy")
    legend = opened.page.locator("#space-legend").inner_text()
    assert "One scale for all surfaces; at most 1 % of the points lie beyond either end." in legend
    opened.choose("property", "charge")
    legend = opened.page.locator("#space-legend").inner_text()
    assert "One scale for the charges of atoms and all probes, on all surfaces; at most 1 %" in legend


def test_a_scale_of_slices(browser: Any, tmp_path: Path) -> None:
    """Surfaces and slices are named as far as they are there, and atoms if they are coloured."""
    grid = probe_map(WATER, GRID)
    for report, said in (
        (Report(WATER, surfaces=(surface_map(WATER, 2.0),), maps=(grid,)), "all surfaces and slices; "),
        (
            Report(WATER, maps=(probe_map(WATER, GRID, model=CHARGE),)),
            "the charges of all probes, on all slices; ",
        ),
        (Report(WATER, maps=(probe_map(WATER, GRID.points()[::50]),)), "all points; "),
    ):
        opened = show(browser, report, tmp_path)
        assert f"One scale for {said}" in opened.page.locator("#space-legend").inner_text()
        opened.page.context.close()


def test_what_extrapolates_is_grey(opened: Opened) -> None:
    """Its faces are a body of their own, and how many points there are is said."""
    opened.choose("place", "1.6 Å")
    opened.choose("probe", "O")
    one = water_report().surfaces[0]
    flagged = one.map.extrapolating[1]
    assert 0 < flagged.sum() < len(flagged)
    grey = flagged[one.mesh.faces].any(axis=1).sum()
    assert opened.trace("space-plot", "extrapolating")["faces"] == grey
    assert opened.trace("space-plot", "field")["faces"] == len(one.mesh.faces) - grey
    legend = opened.page.locator("#space-legend").inner_text()
    assert f"{flagged.sum()} of {len(flagged)} points, in grey, are nearer to a nucleus" in legend


def test_looking_through(opened: Opened) -> None:
    """A clear surface shows the molecule, and its triangles are drawn from the far ones to the near ones."""
    opened.choose("look", "clear")
    assert opened.trace("space-plot", "field")["opacity"] == 0.5
    depths = opened.page.evaluate(
        """() => {
            const { data: [{ x, y, z, i, j, k }], layout } = document.getElementById("space-plot");
            const { eye } = layout.scene.camera;
            const depth = (point) => x[point] * eye.x + y[point] * eye.y + z[point] * eye.z;
            return Array.from(i, (first, face) => depth(first) + depth(j[face]) + depth(k[face]));
        }"""
    )
    assert np.diff(depths).min() > -1e-9


def test_the_colours_are_to_be_seen(opened: Opened) -> None:
    """Both ends of the scale are in the pictures, of atoms and of the surface."""
    for plot, control, label in (("atoms-plot", "coloring", "Charge"), ("space-plot", "property", "charge")):
        opened.choose(control, label)
        seen = pixels(opened, plot)
        low, high = PALETTES["charge"][0], PALETTES["charge"][-1]
        assert count_near(seen, low) > 300, plot
        assert count_near(seen, high) > 300, plot
        assert (seen.min(axis=1) > 245).mean() > 0.2, plot


def test_pictures_turn_together(opened: Opened) -> None:
    """Whoever turns one of them sees the other from the same side."""
    box = opened.page.locator("#atoms-plot").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    opened.page.mouse.move(x, y)
    opened.page.mouse.down()
    opened.page.mouse.move(x + 90, y + 40, steps=4)
    opened.page.mouse.up()
    opened.page.wait_for_function(
        """() => {
            const directions = ["atoms-plot", "space-plot"].map((id) => {
                const { eye } = document.getElementById(id).layout.scene.camera;
                const size = Math.hypot(eye.x, eye.y, eye.z);
                return [eye.x / size, eye.y / size, eye.z / size];
            });
            const apart = Math.hypot(...directions[0].map((value, axis) => value - directions[1][axis]));
            return apart < 1e-3 && Math.abs(directions[0][0]) < 0.99;
        }"""
    )


def test_rows_name_atoms(opened: Opened) -> None:
    """The atom of the row that one points at is named in the picture."""
    opened.page.locator("#atom-table tbody tr").nth(2).hover()
    opened.page.wait_for_function(
        """() => {
            const { annotations } = document.getElementById("atoms-plot").layout.scene;
            return annotations.some((one) => one.text === "<b>H2</b>");
        }"""
    )


def test_slices_of_a_grid(browser: Any, tmp_path: Path) -> None:
    """A slider moves a slice along an axis; its values are those of the grid."""
    found = probe_map(WATER, GRID)
    opened = show(browser, map_report(found), tmp_path)
    for axis, letter in enumerate("xyz"):
        opened.choose("place", f"{letter} slice")
        opened.page.evaluate("() => { step.value = 7; step.dispatchEvent(new Event('input')); }")
        trace = opened.trace("space-plot", "field")
        np.testing.assert_allclose(trace["values"], np.take(found.values[0], 7, axis=axis).ravel())
        points = np.take(GRID.points().reshape(*GRID.counts, 3), 7, axis=axis).reshape(-1, 3)
        np.testing.assert_allclose(trace["points"], points, atol=1e-6)
        assert f"at {letter} = {GRID.origin[axis] + 7 * GRID.axes[axis, axis]:.2f} Å" in (
            opened.page.locator("#space-legend").inner_text()
        )
    assert opened.errors == []


@pytest.mark.parametrize("counts", [(13, 12, 1), (1, 12, 11), (13, 1, 1)])
def test_flat_grids(browser: Any, counts: tuple[int, int, int], tmp_path: Path) -> None:
    """A grid that is a plane has one slice, and one that is a row of points is drawn as points."""
    found = probe_map(WATER, Grid(GRID.origin, GRID.axes, counts))
    opened = show(browser, map_report(found), tmp_path)
    trace = opened.trace("space-plot", "field")
    np.testing.assert_allclose(trace["values"], found.values[0].ravel())
    assert opened.page.locator("#place label").count() == 0
    assert opened.errors == []


def test_lists_of_points(browser: Any, tmp_path: Path) -> None:
    """They are drawn as points."""
    points = surface_map(WATER, 2.0).mesh.vertices[::10]
    opened = show(browser, map_report(probe_map(WATER, points)), tmp_path)
    trace = opened.trace("space-plot", "field")
    np.testing.assert_allclose(trace["values"], points[:, 2], atol=1e-6)
    assert opened.errors == []


def test_interpolated_surfaces(browser: Any, tmp_path: Path) -> None:
    """Their grey is also between points that extrapolate, which legends of slices do not say."""
    fine = Grid([-3.0, -3.6, -3.5], 0.2 * np.eye(3), (31, 37, 35))
    opened = show(browser, map_report(probe_map(WATER, fine, closest=2.45)), tmp_path)
    said = "in training, or between points that are: the model extrapolates"
    opened.choose("probe", "O")
    assert said in opened.page.locator("#space-legend").inner_text()
    opened.choose("place", "z slice")
    assert "in training: the model extrapolates" in opened.page.locator("#space-legend").inner_text()
    assert opened.errors == []


def test_points_that_extrapolate(browser: Any, tmp_path: Path) -> None:
    """They are marks of their own, in the grey that the legend tells of."""
    found = probe_map(WATER, surface_map(WATER, 1.6).mesh.vertices[::10], closest=1.63)
    flagged = found.extrapolating[1]
    assert 0 < flagged.sum() < len(flagged)
    opened = show(browser, map_report(found), tmp_path)
    opened.choose("probe", "O")
    for name, chosen in (("field", ~flagged), ("extrapolating", flagged)):
        points = opened.trace("space-plot", name)["points"]
        np.testing.assert_allclose(points, found.points()[chosen], atol=1e-6)
    np.testing.assert_allclose(opened.trace("space-plot", "field")["values"], found.values[1][~flagged])
    colors = opened.page.evaluate(
        """() => document.getElementById("space-plot").data
            .filter((one) => one.name === "extrapolating")
            .map((one) => [one.marker.color, one.text.every((text) => text.endsWith("extrapolated"))])"""
    )
    assert colors == [["#a9b0b8", True]]
    assert "points, in grey," in opened.page.locator("#space-legend").inner_text()
    assert opened.errors == []


def test_a_crystal(browser: Any, tmp_path: Path) -> None:
    """The edges of its cell are drawn, and bodies have light and shade without perspective too."""
    report = Report(SALT, explanation_of(SALT), (surface_map(SALT, 1.6),))
    opened = show(browser, report, tmp_path)
    assert "cell" in opened.names("atoms-plot")
    assert len(set(map(tuple, pixels(opened, "atoms-plot").tolist()))) > 200


def test_many_atoms(browser: Any, tmp_path: Path) -> None:
    """Spheres are coarser the more there are, and labels are left out."""
    places = 1.5 * np.indices((8, 8, 8)).reshape(3, -1).T
    many = Structure([6] * len(places), places)
    opened = show(browser, Report(many, explanation_of(many)), tmp_path)
    assert opened.trace("atoms-plot", "energy")["faces"] == 80 * len(many)
    assert (
        opened.page.evaluate("() => document.getElementById('atoms-plot').layout.scene.annotations.length")
        == 0
    )


def test_all_points_extrapolate(browser: Any, tmp_path: Path) -> None:
    """Then nothing has a colour, and no range is told."""
    opened = show(browser, Report(WATER, surfaces=(surface_map(WATER, 1.6, 9.0),)), tmp_path)
    opened.choose("probe", "O")
    assert opened.names("space-plot")[0] == "extrapolating"
    assert opened.page.locator("#space-legend .ramp").count() == 0
    assert opened.errors == []


def test_a_narrow_window(browser: Any, path: Path) -> None:
    """On a telephone the page is as wide as the window; the table scrolls by itself."""
    opened = Opened(browser, path, width=390)
    assert opened.page.evaluate("() => document.documentElement.scrollWidth") == 390
    assert opened.errors == []
