"""`atomlens.client.probe.dataset`."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from atomlens.client import MissingPackageError

from .conftest import ALIGNED, COUNTS, CRYSTAL, POINTS, SKEWED, probe_map


def test_a_grid_along_x_y_and_z() -> None:
    """Its dimensions are x, y and z, so that planes are chosen by coordinates in Å."""
    found = probe_map()
    dataset = found.to_xarray()
    assert dataset["C"].dims == ("x", "y", "z")
    np.testing.assert_array_equal(dataset["C"], found.values[1])
    plane = dataset["H"].sel(z=-1.9, method="nearest")
    np.testing.assert_array_equal(plane, found.values[0, :, :, 2])
    np.testing.assert_allclose(
        np.stack(np.meshgrid(*(dataset[name] for name in "xyz"), indexing="ij"), axis=-1).reshape(-1, 3),
        ALIGNED.points(),
        rtol=0,
        atol=1e-15,
    )


def test_a_skewed_grid() -> None:
    """Its dimensions are indices, and x, y and z depend on all of them."""
    dataset = probe_map(SKEWED, CRYSTAL).to_xarray()
    assert dict(dataset["H"].sizes) == dict(zip("ijk", COUNTS, strict=True))
    np.testing.assert_array_equal(dataset["y"].values.ravel(), SKEWED.points()[:, 1])


def test_a_list_of_points() -> None:
    """Its one dimension is the point."""
    dataset = probe_map(POINTS).to_xarray()
    assert dataset["H"].dims == ("point",)
    np.testing.assert_array_equal(dataset["z"], POINTS[:, 2])


def test_units_model_and_what_extrapolates() -> None:
    """Units, model and digest are attributes; where a field extrapolates is told by its name."""
    found = probe_map(heads=("energy", "charge"))
    dataset = found.to_xarray()
    assert dataset["charge.H"].attrs == {"units": "e", "long_name": "H of charge"}
    assert dataset["x"].attrs == {"units": "Å"}
    assert dataset.attrs == {"structure": "water.xyz@0", "model": "m@2", "digest": "ab" * 32}
    mask = dataset["extrapolating"].sel(field="charge.H")
    np.testing.assert_array_equal(mask, found.extrapolating[2])
    trusted = dataset["charge.H"].where(~mask)
    assert float(trusted.min()) == found.value_range("H", "charge").minimum


def test_without_xarray(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said what to install."""
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(MissingPackageError, match="needs the package `xarray`: pip install xarray"):
        probe_map().to_xarray()
