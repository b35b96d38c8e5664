"""The two files that `make bench` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.document import document
from benchmarks.limits import limits
from benchmarks.ratios import RATIOS, ratios

ROOT = Path(__file__).parents[2]
RESULTS: dict[str, Any] = json.loads((ROOT / "benchmarks.json").read_text())
KEYS = {
    *("end_to_end_over_schnetpack", "end_to_end_over_session", "compiled_over_naive", "probe_over_eager"),
    *("probe_bytes_over_4", "probe_peak_mib", "latency_over_session", "cost_growth"),
}


def test_the_files_are_of_one_run() -> None:
    """BENCHMARKS.md says what benchmarks.json holds, and nothing else."""
    assert (ROOT / "BENCHMARKS.md").read_text() == document(RESULTS)


def test_the_ratios_follow_from_what_was_measured() -> None:
    """Every ratio is there, is that of the figures beside it, and has a line and a limit in words."""
    assert set(RESULTS["ratios"]) == {one.key for one in RATIOS} == set(limits(RESULTS)) == KEYS
    assert RESULTS["ratios"] == ratios(RESULTS)
    text = document(RESULTS)
    assert all(f"| {one.name} |" in text for one in RATIOS)


def test_no_path_of_a_machine_is_told() -> None:
    """Neither file names where data, environments or the checkout were."""
    for name in ("BENCHMARKS.md", "benchmarks.json"):
        text = (ROOT / name).read_text()
        assert str(ROOT) not in text
        assert "/tmp" not in text


def test_who_is_missing_is_named() -> None:
    """A contender that could not be had is in the text with the reason, and its ratios are not measured."""
    rows = {**RESULTS["throughput"]["rows"]}
    rows["schnetpack"] = {**rows["schnetpack"], "per_second": None, "reason": "it is not there"}
    without = {
        **RESULTS,
        "throughput": {**RESULTS["throughput"], "rows": rows},
        "missing": {"schnetpack 0": "it is not there"},
    }
    without["ratios"] = ratios(without)
    assert without["ratios"]["end_to_end_over_schnetpack"] is None
    text = document(without)
    assert "* schnetpack 0: it is not there" in text
    assert "not measured: it is not there" in text
