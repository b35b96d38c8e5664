"""`atomlens.export.ragged`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
import torch

from atomlens.export.dataset import Dataset
from atomlens.export.heads import Kind
from atomlens.export.model import Model, ModelSettings
from atomlens.export.ragged import RaggedData, half_pairs
from atomlens.export.training import predict
from atomlens.server.neighbors import find_pairs
from atomlens.server.structures import Structures


@pytest.mark.parametrize("system", ["molecule", "crystal"])
def test_half_the_pairs_and_their_reverse_are_all_pairs(system: str, request: pytest.FixtureRequest) -> None:
    """Each pair is kept in one direction only, images of an atom itself included."""
    structures = request.getfixturevalue(system)

    def keys(
        i: list[int], j: list[int], shifts: np.ndarray[tuple[int, int], np.dtype[np.float64]]
    ) -> Counter[object]:
        return Counter(zip(i, j, map(tuple, np.round(shifts, 6) + 0.0), strict=True))

    half, full = half_pairs(structures, 4.5), find_pairs(structures, 4.5)
    forth = keys(half.centers.tolist(), half.neighbors.tolist(), half.shifts)
    back = keys(half.neighbors.tolist(), half.centers.tolist(), -half.shifts)
    assert forth + back == keys(full.centers.tolist(), full.neighbors.tolist(), full.shifts)
    assert max((forth + back).values()) == 1


@pytest.mark.parametrize("family", ["schnet", "bpnn"])
@torch.no_grad()
def test_a_batch_equals_its_members(
    family: str, tiny: Callable[[str, Kind], ModelSettings], energy_data: Dataset, crystal: Structures
) -> None:
    """Structures in any order and company give what each gives alone, crystals among molecules too."""
    structures = Structures.concatenate([energy_data.structures, crystal])
    model = Model(tiny(family, "energy")).double().eval()
    data = RaggedData(structures, torch.zeros(len(structures)), model.network, torch.float64)
    order = np.random.default_rng(0).permutation(len(data))
    together = predict(model, data.batch(order))
    alone = torch.cat([predict(model, data.batch(np.array([row]))) for row in order])
    np.testing.assert_allclose(together, alone, atol=1e-9)


def test_an_epoch_is_full_batches_of_different_structures(
    tiny: Callable[[str, Kind], ModelSettings], energy_data: Dataset
) -> None:
    """No structure comes twice; the remainder is left out; another epoch has another order."""
    model = Model(tiny("schnet", "energy"))
    labels = torch.arange(len(energy_data.labels))
    data = RaggedData(energy_data.structures, labels, model.network, torch.float32)
    epochs = [list(data.shuffled(16, np.random.default_rng(seed))) for seed in (0, 1)]
    seen = [torch.cat([batch.labels for batch in epoch]).tolist() for epoch in epochs]
    assert {len(batch.labels) for epoch in epochs for batch in epoch} == {16}
    assert len(set(seen[0])) == len(seen[0]) == len(data) // 16 * 16
    assert seen[0] != seen[1]


def test_fewer_structures_than_a_batch_make_one_batch(
    tiny: Callable[[str, Kind], ModelSettings], energy_data: Dataset
) -> None:
    """A small training set is not left out altogether."""
    model = Model(tiny("schnet", "energy"))
    data = RaggedData(energy_data.structures.take(range(5)), torch.zeros(5), model.network, torch.float32)
    assert [len(batch.labels) for batch in data.shuffled(16, np.random.default_rng(0))] == [5]
