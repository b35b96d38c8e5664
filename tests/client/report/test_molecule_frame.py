"""Molecules in notebooks."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from atomlens.client import Structure
from atomlens.client.report import molecule_frame as module
from atomlens.client.report.molecule_frame import molecule_frame
from atomlens.client.table import html_table

from .conftest import SALT, WATER, explanation_of


def canvas(page: Any) -> npt.NDArray[np.float32]:
    """Return the picture in the frame of a page."""
    from matplotlib.image import imread

    image: npt.NDArray[np.float32] = imread(
        io.BytesIO(page.frame_locator("iframe").locator("#molecule").screenshot()), format="png"
    )
    return image[..., :3]


def shown(browser: Any, structure: Structure, folder: Path) -> tuple[Any, list[str]]:
    """Return a page with an explanation as a notebook shows it, and what goes wrong in it."""
    path = folder / "notebook.html"
    path.write_text(f'<meta charset="utf-8">{explanation_of(structure)._repr_html_()}', encoding="utf-8")
    errors: list[str] = []
    page = browser.new_page(viewport={"width": 800, "height": 700})
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.as_uri())
    page.frame_locator("iframe").locator("html.drawn").wait_for()
    return page, errors


def test_small() -> None:
    """A frame has a few kilobytes, and no Plotly."""
    frame = molecule_frame(explanation_of(WATER))
    assert frame.startswith("<iframe srcdoc=")
    assert len(frame) < 40_000


def test_too_many_atoms(monkeypatch: pytest.MonkeyPatch) -> None:
    """A structure that would not turn smoothly has a table alone."""
    monkeypatch.setattr(module, "MAX_ATOMS", 2)
    assert molecule_frame(explanation_of(WATER)) == ""


def test_above_the_table() -> None:
    """An explanation shows both."""
    explanation = explanation_of(WATER)
    assert explanation._repr_html_() == molecule_frame(explanation) + html_table(explanation)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not installed the table is there all the same."""
    monkeypatch.setitem(__import__("sys").modules, "ase.data", None)
    explanation = explanation_of(WATER)
    assert explanation._repr_html_() == html_table(explanation)


@pytest.mark.parametrize("structure", [WATER, SALT], ids=["water", "salt"])
def test_in_a_notebook(browser: Any, structure: Structure, tmp_path: Path) -> None:
    """Atoms are drawn in colours, turn with the pointer, and take other colours."""
    page, errors = shown(browser, structure, tmp_path)
    first = canvas(page)
    assert (np.ptp(first, axis=2) > 0.2).sum() > 300
    page.mouse.move(400, 220)
    page.mouse.down()
    page.mouse.move(450, 260, steps=5)
    page.mouse.up()
    turned = canvas(page)
    assert (np.abs(turned - first) > 0.1).any(axis=2).sum() > 300
    page.frame_locator("iframe").locator("#coloring label", has_text="Charge").click()
    assert (np.abs(canvas(page) - turned) > 0.1).any(axis=2).sum() > 300
    assert errors == []
    page.close()


def test_one_atom(browser: Any, tmp_path: Path) -> None:
    """A single atom is drawn too."""
    page, errors = shown(browser, Structure([8], [[0.0] * 3]), tmp_path)
    assert (canvas(page) < 0.97).all(axis=2).sum() > 300
    assert errors == []
    page.close()
