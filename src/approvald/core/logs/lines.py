"""One record becomes one line of JSON."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from approvald.core.logs.events import FIELDS_ATTRIBUTE, Event, current_mail
from approvald.core.logs.redaction import SECRETS


class LineFormatter(JsonFormatter):
    """One record as one line of JSON: timestamp (UTC), severity, event, mail_id, logger, fields, trace."""

    def add_fields(
        self,
        log_data: dict[str, Any],
        record: logging.LogRecord,
        message_dict: dict[str, Any],
    ) -> None:
        """Fill the line; only what is listed here can get into it."""
        fields: Mapping[str, object] = getattr(record, FIELDS_ATTRIBUTE, {"event": Event.LIBRARY})
        log_data["timestamp"] = datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds")
        log_data["severity"] = record.levelname.lower()
        log_data["event"] = str(fields["event"])
        if mail_id := current_mail():
            log_data["mail_id"] = SECRETS.text(mail_id)
        log_data["logger"] = record.name
        if fields["event"] is Event.LIBRARY:
            log_data["message"] = SECRETS.text(record.message)
        log_data |= {name: SECRETS.plain(value) for name, value in fields.items() if name != "event"}
        if trace := message_dict.get("exc_info"):
            log_data["trace"] = SECRETS.trace(str(trace))
