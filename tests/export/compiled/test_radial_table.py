"""`atomlens.export.compiled.radial_table`."""

from __future__ import annotations

import numpy as np
import torch

from atomlens.export.compiled.radial_table import RadialTable, knots

CUTOFF = 5.0


def table() -> RadialTable:
    """Return sin²(πr/2r_c + π/2) and the same times r, which vanish at the cutoff."""
    r = knots(CUTOFF)
    fade = torch.cos(torch.pi * r / (2 * CUTOFF)) ** 2
    fade[-1] = 0.0
    return RadialTable(torch.stack([fade, r * fade], 1), CUTOFF)


def test_functions_are_what_they_are_between_knots() -> None:
    """Within h²/16 of the second derivative."""
    r = torch.from_numpy(np.random.default_rng(0).uniform(0.0, CUTOFF, (7, 11)))
    fade = torch.cos(torch.pi * r / (2 * CUTOFF)) ** 2
    np.testing.assert_allclose(table()(r), torch.stack([fade, r * fade], -1), atol=1e-7)


def test_functions_are_zero_from_the_cutoff_on() -> None:
    """At the cutoff itself, beyond it and very far."""
    assert not table()(torch.tensor([CUTOFF, CUTOFF + 1e-6, 1e6], dtype=torch.float64)).any()


def test_single_precision_reads_the_same_rows() -> None:
    """At every knot, at zero and just below the cutoff."""
    r = torch.cat([knots(CUTOFF), torch.tensor([np.nextafter(np.float32(CUTOFF), np.float32(0))])])
    narrow = table().float()(r.float())
    np.testing.assert_allclose(narrow, table()(r.double()), atol=5e-6)
