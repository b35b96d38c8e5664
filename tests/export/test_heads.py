"""`atomlens.export.heads`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from atomlens.export.heads import (
    KINDS,
    SMOOTH,
    ChargeHead,
    EnergyHead,
    ExtentHead,
    Head,
    HeadSettings,
    IntensiveHead,
    Kind,
    Surroundings,
    build_head,
)

POSITIONS = torch.tensor(
    [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64
)
SURROUNDINGS = Surroundings(torch.tensor([0, 0, 0, 1]), torch.tensor([3, 1]), POSITIONS)


@pytest.mark.parametrize(
    ("kind", "head"),
    [("energy", EnergyHead), ("charge", ChargeHead), ("extent", ExtentHead), ("intensive", IntensiveHead)],
)
def test_the_settings_name_the_head(kind: Kind, head: type[Head]) -> None:
    """Each kind has its head, and knows the units of its labels."""
    settings = HeadSettings(kind, "name", KINDS[kind].property_units[0], {})
    assert type(build_head(settings)) is head


def test_energies_are_scaled_shifted_and_summed() -> None:
    """ε = σy + μ with mean and deviation per atom; the property is the sum over each structure."""
    head = EnergyHead().double()
    three = Surroundings(torch.tensor([0, 1, 2, 2, 2]), torch.tensor([1, 1, 3]), torch.zeros(5, 3))
    head.standardise(torch.tensor([-3.0, -5.0, -12.0]), three)
    y = torch.tensor([0.0, 1.0, -1.0, 2.0], dtype=torch.float64)
    energies = head(y)
    np.testing.assert_allclose(energies, y.numpy() * 1.0 - 4.0)
    np.testing.assert_allclose(head.property(energies, SURROUNDINGS), [-12.0, -2.0])


def test_intensive_properties_are_means() -> None:
    """ε = σy + μ with mean and deviation of the property, which is the mean over each structure."""
    head = IntensiveHead().double()
    head.standardise(torch.tensor([1.0, 3.0, 5.0]), SURROUNDINGS)
    y = torch.tensor([0.0, 1.0, -1.0, 2.0], dtype=torch.float64)
    np.testing.assert_allclose(head(y), y.numpy() * 2.0 + 3.0)
    np.testing.assert_allclose(head.property(head(y), SURROUNDINGS), [3.0, 7.0])


def test_the_extent_is_a_second_moment() -> None:
    """⟨R²⟩ = Σ q r² without neutrality; before training every atom carries what least squares gives it."""
    head = ExtentHead().double()
    moments = torch.tensor([1.0 + 4.0, 0.0], dtype=torch.float64)  # of three atoms and of one at the centre
    head.standardise(6.5 * moments, SURROUNDINGS)
    np.testing.assert_allclose(head(torch.zeros(4, dtype=torch.float64)), [6.5] * 4)
    raw = torch.tensor([2.0, 1.0, 3.0, 5.0], dtype=torch.float64)
    np.testing.assert_allclose(head.property(raw, SURROUNDINGS), [1.0 * 1.0 + 3.0 * 4.0, 0.0])


def test_an_extent_without_extent_has_a_scale() -> None:
    """Single atoms at their centre say nothing of electrons: the scale stays one."""
    head = ExtentHead()
    head.standardise(torch.zeros(1), Surroundings(torch.tensor([0]), torch.tensor([1]), torch.zeros(1, 3)))
    assert (float(head.scale), float(head.shift)) == (1.0, 1.0)


def test_the_dipole_comes_from_neutral_charges() -> None:
    """Charges are shifted to sum to zero before the dipole is taken."""
    raw = torch.tensor([0.5, -0.1, 0.2, 3.0], dtype=torch.float64)
    neutral = raw[:3].numpy() - 0.2
    expected = np.linalg.norm(neutral @ POSITIONS[:3].numpy())
    magnitudes = ChargeHead().property(raw, SURROUNDINGS)
    np.testing.assert_allclose(magnitudes, [np.sqrt(expected**2 + SMOOTH), np.sqrt(SMOOTH)])


def test_a_vanishing_dipole_has_a_gradient() -> None:
    """No NaN where |p| = 0."""
    raw = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    ChargeHead().property(raw, SURROUNDINGS).sum().backward()  # type: ignore[no-untyped-call]
    assert raw.grad is not None
    assert torch.isfinite(raw.grad).all()


@pytest.mark.parametrize("constant", [-5.0, 0.0, 5.0])
@pytest.mark.parametrize(("oxygen", "turned"), [(0.3, True), (-0.3, False)])
def test_oxygen_ends_up_negative(oxygen: float, turned: bool, constant: float) -> None:
    """Oxygen above the average turns the sign, below it does not, whatever constant training added."""
    values = torch.tensor([oxygen, -oxygen / 2, -oxygen / 2]) + constant
    head = ChargeHead()
    assert head.settle(head(values), torch.tensor([8, 1, 1])) is turned
    assert head(values).tolist() == pytest.approx([-0.3, 0.15, 0.15], abs=1e-6)


def test_the_sign_is_left_alone_without_oxygen_and_for_energies() -> None:
    """There is no rule to apply."""
    values, numbers = torch.tensor([0.4, 0.2]), torch.tensor([1, 6])
    assert not ChargeHead().settle(values, numbers)
    assert not EnergyHead().settle(values, torch.tensor([8, 1]))


@pytest.mark.parametrize(
    "name", ["", "2s", "my energy", "énergie", "context", "numbers", "shifts", "charges"]
)
def test_names_are_what_a_graph_can_call_an_output(name: str) -> None:
    """Letters, digits and _, and nothing that a graph calls something else, or will."""
    assert HeadSettings("energy", "u0_K298", "eV", {}).name == "u0_K298"
    with pytest.raises(ValueError, match=f"`head_name` must be letters, digits and _, .* got {name!r}"):
        HeadSettings("energy", name, "eV", {})
