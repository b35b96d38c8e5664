"""`atomlens.export.layers`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from atomlens.export.layers import ShiftedSoftplus, cosine_cutoff, mlp, shifted_softplus


def test_shifted_softplus_is_its_formula() -> None:
    """ssp(x) = ln(1 + eˣ) − ln 2, also far from zero."""
    x = np.array([-60.0, -1.0, 0.0, 1.0, 60.0])
    np.testing.assert_allclose(
        shifted_softplus(torch.from_numpy(x)), np.logaddexp(0, x) - np.log(2), atol=1e-14
    )


def test_the_cutoff_falls_from_one_to_zero_and_stays_there() -> None:
    """f_c is 1 at 0, ½ half way, 0 at the cutoff and beyond, where the cosine would rise again."""
    values = cosine_cutoff(torch.tensor([0.0, 2.5, 5.0, 7.5, 10.0], dtype=torch.float64), 5.0)
    np.testing.assert_allclose(values, [1.0, 0.5, 0.0, 0.0, 0.0], atol=1e-15)


@pytest.mark.parametrize(("sizes", "activations"), [((4, 1), 0), ((4, 8, 1), 1), ((4, 8, 8, 2), 2)])
def test_an_mlp_has_activations_between_its_layers_only(sizes: tuple[int, ...], activations: int) -> None:
    """The last layer is linear."""
    network = mlp(*sizes)
    assert sum(isinstance(layer, ShiftedSoftplus) for layer in network) == activations
    assert network(torch.zeros(3, sizes[0])).shape == (3, sizes[-1])
    assert isinstance(network[-1], torch.nn.Linear)
