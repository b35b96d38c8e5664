"""`atomlens.client.probe.dx_file`."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from atomlens.client.probe import ProbeMap
from atomlens.client.probe import dx_file as module

from .conftest import ALIGNED, CRYSTAL, SKEWED, probe_map


@pytest.mark.parametrize("piece", [module.PIECE, 3, 30], ids=["whole", "line", "pieces"])
@pytest.mark.parametrize(
    "found", [probe_map(ALIGNED, elements="H"), probe_map(SKEWED, CRYSTAL, elements="H")], ids=["box", "cell"]
)
def test_what_is_in_a_file(
    found: ProbeMap, piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Comments, origin and steps in Å, as many values as announced, z fastest, and a field of both."""
    monkeypatch.setattr(module, "PIECE", piece)
    (path,) = found.write(tmp_path / "out.dx")
    text = path.read_text(encoding="ascii")
    assert text.splitlines()[1] == f"# model m@2 digest {'ab' * 32}"
    assert text.count("counts 5 6 7") == 2
    vectors = [line.split()[1:] for line in re.findall(r"^(?:origin|delta) .*", text, re.MULTILINE)]
    expected = [found.grid.origin, *found.grid.axes]
    np.testing.assert_allclose(np.array(vectors, np.float64), expected, rtol=0, atol=1e-12)
    head, numbers, tail = re.split(r" items 210 data follows\n|(?=attribute)", text)
    np.testing.assert_array_equal(np.array(numbers.split(), np.float32), found.values.ravel())
    assert {len(line.split()) for line in numbers.splitlines()} == {3}
    assert re.findall(r"object (\S+)", head) == ["1", "2", "3"]
    assert re.findall(r'component "(\w+)" value (\d)', tail) == [
        ("positions", "1"),
        ("connections", "2"),
        ("data", "3"),
    ]
