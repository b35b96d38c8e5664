"""Contenders in processes of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.process import ContenderError, Process


def test_a_contender_answers() -> None:
    """What a contender returns is what was asked, and it is gone afterwards."""
    with Process("benchmarks.contenders.identity", {}) as process:
        assert process.ask("address").startswith("127.0.0.1:")
        with pytest.raises(ContenderError, match="AttributeError"):
            process.ask("no_such_method")
        assert process.ask("address").startswith("127.0.0.1:")


def test_one_that_cannot_be_made_says_why() -> None:
    """A contender whose module or environment is missing is an error with the reason."""
    with pytest.raises(ContenderError, match="ModuleNotFoundError"):
        Process("benchmarks.contenders.no_such_contender", {})
    with pytest.raises(ContenderError, match="no-such-venv is not there"):
        Process("benchmarks.peers.triton", {}, Path("/no-such-venv/bin/python"))


def test_one_that_dies_says_its_last_words() -> None:
    """A process that ends instead of answering is an error with what it said."""
    with Process("benchmarks.contenders.identity", {}) as process:
        process._process.kill()
        process._process.wait()
        with pytest.raises(ContenderError, match="died"):
            process.ask("address")
