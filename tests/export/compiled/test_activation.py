"""`atomlens.export.compiled.activation`."""

from __future__ import annotations

import numpy as np
import torch

from atomlens.export.compiled.activation import softplus


def test_softplus_is_exact_at_both_ends() -> None:
    """Trained networks see −42 at probes; the common form x − ln σ(x) is infinite there."""
    x = torch.linspace(-60, 60, 2001)
    exact = torch.nn.functional.softplus(x.double())
    np.testing.assert_allclose(softplus(x), exact, rtol=2e-7, atol=3e-7)
