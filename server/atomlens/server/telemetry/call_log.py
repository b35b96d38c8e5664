"""Call log: one line for each call, or for those that failed."""

from __future__ import annotations

import logging

from atomlens.server.calls import Call
from atomlens.server.telemetry.lines import FIELDS, REQUEST

log = logging.getLogger(__name__)
FAULTS = ("UNKNOWN", "INTERNAL", "DATA_LOSS")  # codes that somebody must look into


class CallLog:
    """Tells how calls ended: ``which`` of them, all, failed or none."""

    def __init__(self, which: str = "all") -> None:
        self._tells, self._tells_good = which != "none", which == "all"

    def ended(self, path: str, call: Call | None, peer: str, code: str, reason: str, seconds: float) -> None:
        """A call of /SERVICE/METHOD ended.

        Args:
            path: of the method.
            call: None where it was not let in.
            peer: who called, as far as the connection tells, for calls that were not let in.
            code: the name of gRPC's.
            reason: of an error; empty for none.
            seconds: from the door to the end.
        """
        level = logging.WARNING if code in FAULTS else logging.INFO
        if not (self._tells_good or (self._tells and code != "OK")) or not log.isEnabledFor(level):
            return
        # Made by hand: finding out which line of this file it comes from would take half the time.
        record = logging.LogRecord(log.name, level, __file__, 0, "call", None, None)
        fields = {"method": path, "client": peer if call is None else call.client, "code": code}
        if reason:
            fields["reason"] = reason
        more = {} if call is None else call.account.fields()
        setattr(record, FIELDS, {**fields, "seconds": round(seconds, 6), **more})
        if call is not None:
            setattr(record, REQUEST, call.request_id)
        log.handle(record)
