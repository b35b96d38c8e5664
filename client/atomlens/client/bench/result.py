"""Result: what came of a load, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from atomlens.client.bench.load import STREAMS, Load
from atomlens.client.structure import Floats

ROUNDING_SECONDS = 1e-6  # of a difference between two times of a clock that began long ago
LATE_MS = 1.0  # a request sent later than that after it was due is told of


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What all clients saw together."""

    model: str
    load: Load
    seconds: float  # that count, fewer than asked for where the run was stopped
    requests: int  # answered in them
    structures: int  # answered in them
    answered: int  # structures in all, before and after those seconds too
    latencies_ms: Floats  # of the requests due in them; of a stream, of what it took
    late_ms: Floats  # from when a request was due to when it was sent
    unsent: int  # of them, those that no client came to send: their latency was longer than what is told
    errors: Mapping[str, int]  # by reason
    sent_bytes: float  # of messages, for each structure
    received_bytes: float

    @property
    def interrupted(self) -> bool:
        """Whether the run ended before its time."""
        return self.seconds < self.load.seconds - ROUNDING_SECONDS

    @property
    def structures_per_second(self) -> float:
        """Throughput."""
        return self.structures / self.seconds if self.seconds > 0 else 0.0

    @property
    def requests_per_second(self) -> float:
        """Requests answered."""
        return self.requests / self.seconds if self.seconds > 0 else 0.0

    def latency_ms(self, percent: float) -> float:
        """Return the latency that so many percent of the requests stayed below; NaN without requests."""
        return float(np.percentile(self.latencies_ms, percent)) if len(self.latencies_ms) else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it; what is not known is None."""
        latencies = {f"p{percent}": _known(self.latency_ms(percent)) for percent in (50, 90, 99)}
        return {
            "model": self.model,
            "load": asdict(self.load),
            "seconds": self.seconds,
            "requests": self.requests,
            "structures": self.structures,
            "answered": self.answered,
            "requests_per_second": self.requests_per_second,
            "structures_per_second": self.structures_per_second,
            "latency_ms": {**latencies, "max": _known(self.latency_ms(100))},
            "sent_late": self._sent_late,
            "never_sent": self.unsent,
            "errors": dict(self.errors),
            "bytes_per_structure": {"sent": self.sent_bytes, "received": self.received_bytes},
        }

    def __str__(self) -> str:
        return "\n".join(f"{name:<11} {text}" for name, text in self._lines())

    def _lines(self) -> list[tuple[str, str]]:
        errors = ", ".join(f"{many} {reason}" for reason, many in sorted(self.errors.items()))
        rates = f"{self.structures_per_second:,.0f} structures/s   {self.requests_per_second:,.0f} requests/s"
        sizes = f"{self.sent_bytes:,.0f} bytes sent   {self.received_bytes:,.0f} received"
        percentiles = "   ".join(f"p{percent} {self.latency_ms(percent):.3g} ms" for percent in (50, 90, 99))
        return [
            ("model", self.model),
            ("load", self._load()),
            ("throughput", rates),
            ("latency", f"{percentiles}   max {self.latency_ms(100):.3g} ms"),
            ("", self._since()),
            ("errors", errors or "none"),
            ("messages", f"{sizes}, for each structure"),
        ]

    def _load(self) -> str:
        load = self.load
        many = f"{load.clients} client{'s' if load.clients > 1 else ''}"
        size = f" of {load.batch}" if load.mode in ("batch", "stream") else ""
        loop = "closed loop" if load.rate is None else f"open loop at {load.rate:g} requests/s"
        return f"{load.mode}{size}, {many}, {loop}, {self.seconds:.1f} s"

    @property
    def _sent_late(self) -> int:
        return int((self.late_ms > LATE_MS).sum()) if self.load.rate is not None else 0

    def _since(self) -> str:
        """Return from when on latencies count: what is left out here is what benchmarks hide."""
        if self.load.rate is not None:
            late = f"{self._sent_late:,} of {len(self.late_ms):,} sent late, {self.unsent:,} never"
            return f"from when a request was due; {late}"
        if self.load.mode in STREAMS:
            return "from when the stream took a structure or batch"
        return "from when a request was sent: a closed loop asks a slow server less"


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
