"""Live values: gauges that are read when somebody asks for the metrics, and cost nothing before."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from atomlens.server.telemetry.table import METRICS, Metric

Reading = float | Mapping[tuple[str, ...], float]  # a value, or one for each combination of labels
Read = Callable[[], Reading]
log = logging.getLogger(__name__)


class LiveValues(Collector):
    """The live metrics of the table, as far as somebody said how to read them."""

    def __init__(self) -> None:
        self._metrics = {metric.name: metric for metric in METRICS if metric.kind == "live"}
        self._reads: dict[str, Read] = {}

    def read_with(self, name: str, read: Read) -> None:
        """Have a metric read with a function, which any thread may call at any time.

        Raises:
            KeyError: there is no such live metric.
        """
        self._reads[self._metrics[name].name] = read

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield what can be read; a metric that cannot is left out, and the others are told."""
        for name, read in tuple(self._reads.items()):
            try:
                yield _family(self._metrics[name], read())
            except Exception:
                log.exception("the metric %s cannot be read", name)


def _family(metric: Metric, reading: Reading) -> GaugeMetricFamily:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    values = reading if isinstance(reading, Mapping) else {(): reading}
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family
