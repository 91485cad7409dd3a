"""Writes log lines to stderr and to a file that logrotate may move. A line that cannot be written stops nothing."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from pythonjsonlogger.json import JsonFormatter

from approvald.core.errors import ConfigurationInvalid
from approvald.core.logs.events import FIELDS_ATTRIBUTE, Event, current_mail, event
from approvald.core.logs.redaction import SECRETS

LIBRARIES: Final = ("exchangelib", "urllib3", "requests", "ldap3", "hvac", "spnego", "sqlalchemy", "asyncio")
PRIORITIES: Final = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
"""Severities as syslog numbers, which journald reads from a leading <N>."""
COMPLAINT_SECONDS: Final = 60.0
_logger: Final = logging.getLogger("approvald")


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


class _Unfailing(logging.Handler):
    """Reports its own failures once a minute, without the record: logging's own report would print its arguments."""

    _complained: float | None = None

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say on stderr why lines are lost, and go on."""
        now = time.monotonic()
        if self._complained is not None and now - self._complained < COMPLAINT_SECONDS:
            return
        self._complained = now
        error = sys.exception()
        why = (error.strerror or type(error).__name__) if isinstance(error, OSError) else type(error).__name__
        with contextlib.suppress(OSError):
            os.write(
                2, f"approvald: log lines of {record.name} are lost: {why}; check the disk and the folder\n".encode()
            )


class LogFile(_Unfailing, WatchedFileHandler):
    """Reopens its file after logrotate has moved it. Raises nothing, not even when it cannot be opened again."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line. The base class opens the file outside its own protection."""
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)


class LogStream(_Unfailing, logging.StreamHandler):  # type: ignore[type-arg]  # generic in the stubs only
    """Lines on stderr."""


class JournalFormatter(LineFormatter):
    """A line with its priority in front, as journald wants it from a stream."""

    def format(self, record: logging.LogRecord) -> str:
        """Return <N> and the JSON."""
        return f"<{PRIORITIES.get(record.levelno, 6)}>{super().format(record)}"


def set_up(*, file: Path | None, level: str = "info", stderr: str = "all") -> None:
    """Send all logging to `file` and to stderr (all, warnings or none); a second call replaces the first.

    Raises ConfigurationInvalid when the log file cannot be opened.
    """
    handlers: list[logging.Handler] = []
    if file is not None:
        handlers.append(_log_file(file))
    if stderr != "none":
        stream = LogStream(sys.stderr)
        stream.setFormatter(JournalFormatter() if _stderr_is_journal() else LineFormatter())
        stream.setLevel(logging.WARNING if stderr == "warnings" else logging.NOTSET)
        handlers.append(stream)
    tear_down()
    root = logging.getLogger()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(logging.WARNING)
    _logger.setLevel(level.upper())
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_crash
    threading.excepthook = _log_thread_crash


def tear_down() -> None:
    """Take our handlers away again and close them."""
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, _Unfailing)]:
        root.removeHandler(handler)
        handler.close()
    logging.captureWarnings(capture=False)
    sys.excepthook = sys.__excepthook__
    threading.excepthook = threading.__excepthook__


def _log_file(path: Path) -> LogFile:
    try:
        handler = LogFile(path, encoding="utf-8")
    except OSError as error:
        sentence = (
            f"logs.file: {path} cannot be opened for writing ({error.strerror}); "
            "create its folder, owned by the user approvald runs as, or name another file"
        )
        raise ConfigurationInvalid((sentence,)) from error
    handler.setFormatter(LineFormatter())
    return handler


def _stderr_is_journal() -> bool:
    """Whether stderr is the stream that systemd connected to the journal (systemd.exec, JOURNAL_STREAM)."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def _log_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        event(_logger, Event.DAEMON_CRASHED, logging.CRITICAL, trace=error, why=kind.__name__)


def _log_thread_crash(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is not None:
        event(
            _logger, Event.DAEMON_CRASHED, logging.CRITICAL, trace=arguments.exc_value, why=arguments.exc_type.__name__
        )
