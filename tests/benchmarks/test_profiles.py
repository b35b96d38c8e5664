"""Where the time goes."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.profiles import product_operations, summary


def event(operator: str, time: float, **told: Any) -> dict[str, Any]:
    """Return an event as the runtime notes it."""
    return {"cat": "Node", "name": "n_kernel_time", "dur": time, "args": {"op_name": operator, **told}}


def shapes(first: list[int], second: list[int], output: list[int]) -> dict[str, Any]:
    """Return the shapes of a product as the runtime notes them."""
    return {
        "input_type_shape": [{"float": first}, {"float": second}],
        "output_type_shape": [{"float": output}],
    }


@pytest.mark.parametrize(
    ("first", "second", "output", "operations"),
    [
        ([4, 3], [3, 5], [4, 5], 2 * 4 * 3 * 5),
        ([2, 4, 3], [2, 3, 5], [2, 4, 5], 2 * 2 * 4 * 3 * 5),
        ([3, 4], [3, 5], [4, 5], 2 * 4 * 3 * 5),
        ([3], [3, 5], [5], 2 * 3 * 5),
    ],
    ids=["matrices", "batch", "turned", "vector"],
)
def test_operations(first: list[int], second: list[int], output: list[int], operations: int) -> None:
    """A product has a multiplication and an addition for each row, column and term."""
    assert product_operations(shapes(first, second, output)) == operations


def test_summary() -> None:
    """Times add up by operator, and what is no operator does not count."""
    product = shapes([4, 3], [3, 5], [4, 5])
    events = [event("MatMul", 30, **product), event("Add", 10), event("MatMul", 60, **product)]
    found = summary([*events, {"cat": "Session", "name": "model_run", "dur": 1000}])
    assert found["operators"] == [{"operator": "MatMul", "share": 0.9}, {"operator": "Add", "share": 0.1}]
    assert found["us"] == 100
    assert found["operations"] == 2 * 120
