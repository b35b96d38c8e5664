"""`atomlens.server.settings.server`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from atomlens.server.cpus import available_cpus
from atomlens.server.limits import Limits
from atomlens.server.settings import PREFIX, ServerSettings, misspelled

EXAMPLES: dict[type, Any] = {int: 7, float: 1.5, bool: True, str: "text", Path: Path("path")}
VALUES: dict[str, Any] = {  # of settings that no example fits
    "address": "localhost:7",
    "health_address": "localhost:8",
    "provider": "cuda",
    "metrics_address": "localhost:9",
    "otlp_endpoint": "http://localhost:4317",
    "log_format": "json",
    "log_level": "debug",
    "log_calls": "failed",
}
TOGETHER = ("tls_cert", "tls_key", "tls_client_ca")  # which are given all or not at all


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"health_address": "127.0.0.1:50551"}, "`health_address` must not be that of `address`"),
        ({"metrics_address": "50551"}, "`metrics_address` must not be that of `address`"),
        (
            {"health_address": "0.0.0.0:1", "metrics_address": "0.0.0.0:1"},
            "`metrics_address` must not be that of `health_address`",
        ),
    ],
)
def test_two_ports_are_not_one(given: dict[str, str], told: str) -> None:
    """Said before models are loaded, and by both names; any number may take a free one."""
    with pytest.raises(ValueError, match=told):
        ServerSettings.from_environment(given, {})
    free = dict.fromkeys(("address", "health_address", "metrics_address"), "127.0.0.1:0")
    assert ServerSettings.from_environment(free, {}).health_address == "127.0.0.1:0"


def test_flags_come_before_the_environment_and_both_before_defaults() -> None:
    """What is not given anywhere is as it is written in the class."""
    environment = {
        "ATOMLENS_ADDRESS": "0.0.0.0:1",
        "ATOMLENS_WORKERS": "3",
        "ATOMLENS_MODELS": "/models",
        "HOME": "x",
    }
    settings = ServerSettings.from_environment({"address": "[::1]:2", "workers": None}, environment)
    assert settings.address == "[::1]:2"
    assert (settings.workers, settings.models) == (3, Path("/models"))
    assert settings.batch_cost == ServerSettings().batch_cost


@pytest.mark.parametrize("name", [one.name for one in fields(ServerSettings)])
def test_every_setting_has_a_variable_of_its_type_and_a_help_text(name: str) -> None:
    """A value comes out of the environment equal to one that is set in Python; an empty one is not given."""
    one = next(one for one in fields(ServerSettings) if one.name == name)
    value = VALUES.get(name, EXAMPLES[one.metadata["kind"]])
    beside = {other: Path(other) for other in TOGETHER if name in TOGETHER and other != name}
    settings = ServerSettings.from_environment(beside, {PREFIX + name.upper(): str(value)})
    assert getattr(settings, name) == value
    assert ServerSettings.from_environment({}, {PREFIX + name.upper(): ""}) == ServerSettings()
    assert one.default is None or isinstance(value, type(one.default))
    assert one.metadata["help"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"address": "localhost"}, "`address` must be HOST:PORT, got 'localhost'"),
        ({"address": ":50551"}, "`address` must be HOST:PORT"),
        ({"address": "host:port"}, "`address` must be HOST:PORT"),
        ({"address": "host:65536"}, "`address` must be HOST:PORT"),
        ({"address": "host:²"}, "`address` must be HOST:PORT"),
        ({"provider": "gpu"}, "`provider` must be cpu or cuda or cuda-tf32, got 'gpu'"),
        ({"batch_cost": 0}, "`batch_cost` must be positive, got 0"),
        ({"max_structure_cost": -1}, "`max_structure_cost` must be positive"),
        ({"max_queue_cost": 0}, "`max_queue_cost` must be positive"),
        ({"window_cost": 0}, "`window_cost` must be positive"),
        ({"max_probe_points": 0}, "`max_probe_points` must be positive, got 0"),
        ({"max_probe_extent_angstrom": -1.0}, "`max_probe_extent_angstrom` must be positive, got -1.0"),
        (
            {"max_probe_extent_angstrom": float("nan")},
            "`max_probe_extent_angstrom` must be positive, got nan",
        ),
        (
            {"max_probe_extent_angstrom": float("inf")},
            "`max_probe_extent_angstrom` must be positive, got inf",
        ),
        ({"probe_streams": 0}, "`probe_streams` must be positive"),
        ({"probe_patience_seconds": 0.0}, "`probe_patience_seconds` must be positive"),
        ({"context_cache_mib": -1}, "`context_cache_mib` must be finite and not negative, got -1"),
        ({"max_message_mib": 0}, "`max_message_mib` must be positive"),
        ({"max_message_mib": 2048}, "`max_message_mib` must be at most 2047, got 2048"),
        ({"workers": -1}, "`workers` must be finite and not negative, got -1"),
        ({"grace_seconds": -0.5}, "`grace_seconds` must be finite and not negative"),
        ({"grace_seconds": float("nan")}, "`grace_seconds` must be finite and not negative"),
        ({"grace_seconds": float("inf")}, "`grace_seconds` must be finite and not negative"),
    ],
)
def test_errors_name_the_setting(changes: dict[str, Any], message: str) -> None:
    """And what it must be, and what came."""
    with pytest.raises(ValueError, match=message):
        ServerSettings(**changes)


@pytest.mark.parametrize(("name", "kind"), [("WORKERS", "int"), ("GRACE_SECONDS", "float")])
def test_errors_name_the_variable(name: str, kind: str) -> None:
    """When its text is not of the setting's type."""
    with pytest.raises(ValueError, match=f"`ATOMLENS_{name}` must be {kind}, got 'many'"):
        ServerSettings.from_environment({}, {f"ATOMLENS_{name}": "many"})


def test_no_workers_means_one_for_each_core() -> None:
    """And any other number means itself."""
    assert ServerSettings().threads == available_cpus()
    assert ServerSettings(workers=5).threads == 5


def test_limits_come_from_the_settings() -> None:
    """A request may cost what the queue holds."""
    limits = ServerSettings(max_structure_cost=11, max_queue_cost=22, batch_cost=33).limits
    assert (limits.max_structure_cost, limits.max_request_cost, limits.batch_cost) == (11, 22, 33)
    limits = ServerSettings(max_probe_points=44, max_probe_extent_angstrom=5.5).limits
    assert (limits.max_probe_points, limits.max_probe_extent_angstrom) == (44, 5.5)
    assert ServerSettings().limits == Limits()


def test_contexts_need_not_be_kept() -> None:
    """No memory for them is a setting too."""
    assert ServerSettings.from_environment({}, {"ATOMLENS_CONTEXT_CACHE_MIB": "0"}).context_cache_mib == 0


def test_a_variable_that_is_nearly_a_setting_is_told_with_the_one_that_may_be_meant() -> None:
    """Others with the same prefix, as orchestrators and clients have them, are nobody's mistake."""
    environment = {
        "ATOMLENS_WORKRES": "2",
        "ATOMLENS_WORKERS": "2",
        "ATOMLENS_MAX_QUE_COST": "7",
        "ATOMLENS_SERVICE_HOST": "10.0.0.1",
        "ATOMLENS_CLIENT_CERT": "client.crt",
        "ATOMLENS_SERVER_CA": "ca.crt",
        "WORKRES": "2",
    }
    assert misspelled(environment) == {
        "ATOMLENS_WORKRES": "ATOMLENS_WORKERS",
        "ATOMLENS_MAX_QUE_COST": "ATOMLENS_MAX_QUEUE_COST",
    }
