"""Sorts Exchange's failures: nothing was done, one item is to blame, or everything must wait.

No message here repeats what the library says: its texts quote whole answers, and so mails.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Final

import requests
import urllib3.exceptions
from exchangelib import errors as ews
from lxml.etree import LxmlError
from spnego.exceptions import SpnegoError

from approvald.core.errors import AuthenticationFailed, System, Unavailable

CAUGHT: Final = (
    ews.EWSError,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    SpnegoError,
    LxmlError,
    OSError,
    AttributeError,
    LookupError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""Everything that exchangelib and its own libraries may raise; odd answers end in AttributeError and the like."""

BUSY: Final = (ews.ErrorServerBusy, ews.ErrorExceededConnectionCount, ews.ErrorBatchProcessingStopped)
"""Exchange turned the request away before it did anything."""

AWAY: Final = (
    ews.ErrorADOperation,
    ews.ErrorADUnavailable,
    ews.ErrorClientDisconnected,
    ews.ErrorConnectionFailed,
    ews.ErrorConnectionFailedTransientError,
    ews.ErrorInsufficientResources,
    ews.ErrorInternalServerTransientError,
    ews.ErrorMailboxFailover,
    ews.ErrorMailboxLogonFailed,
    ews.ErrorMailboxMoveInProgress,
    ews.ErrorMailboxStoreUnavailable,
    ews.ErrorNotEnoughMemory,
    ews.ErrorProxyCallFailed,
    ews.ErrorProxyRequestProcessingFailed,
    ews.ErrorProxyServiceDiscoveryFailed,
    ews.ErrorTimeoutExpired,
    ews.ErrorTooManyObjectsOpened,
)
"""Something behind Exchange is away; no single item is to blame, and what was asked may have been done."""

INVALID: Final = (
    ews.ErrorIncorrectSchemaVersion,
    ews.ErrorInvalidRequest,
    ews.ErrorInvalidSchemaVersionForMailboxVersion,
    ews.ErrorInvalidServerVersion,
    ews.ErrorSchemaValidation,
)
"""Exchange read the request and found it wrong; nothing was done."""

ACCOUNT: Final = (
    ews.ErrorAccessDenied,
    ews.ErrorAccountDisabled,
    ews.ErrorImpersonateUserDenied,
    ews.ErrorImpersonationDenied,
    ews.ErrorNonExistentMailbox,
    ews.ErrorPasswordChangeRequired,
    ews.ErrorPasswordExpired,
)
"""The log-on was good, and our account may still not use this mailbox."""

GONE: Final = (ews.ErrorItemNotFound,)
"""The item is no longer there: it was moved or deleted."""

POISON: Final = (
    ews.ErrorContentConversionFailed,
    ews.ErrorCorruptData,
    ews.ErrorItemCorrupt,
    ews.ErrorMessageSizeExceeded,
    ews.ErrorMimeContentConversionFailed,
    ews.ErrorMimeContentInvalid,
)
"""This one item is at fault, whatever happens to the others."""

NOT_SENT: Final = (
    *BUSY,
    *INVALID,
    ews.ErrorAccessDenied,
    ews.ErrorFolderNotFound,
    ews.ErrorInvalidPropertySet,
    ews.ErrorInvalidRecipients,
    ews.ErrorMessageSizeExceeded,
    ews.ErrorMissingRecipients,
    ews.ErrorNonExistentMailbox,
    ews.ErrorPropertyValidationFailure,
    ews.ErrorQuotaExceeded,
    ews.ErrorSendAsDenied,
    ews.ErrorSubmissionQuotaExceeded,
)
"""The error for one of several mails to be sent: this one certainly was not sent."""

_NEVER_SENT: Final = (
    ssl.SSLCertVerificationError,
    socket.gaierror,
    ConnectionRefusedError,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.ProxyError,
)
_TOO_LATE: Final = (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError)


class NotProcessed(Unavailable):
    """Exchange did nothing; asking again cannot do it twice."""


class Garbled(Unavailable):
    """An unusable answer of Exchange's; one item of several may be to blame. Something may have been done."""


def code_of(error: BaseException) -> str:
    """Return the name of an error, which for EWS is its response code, without its text."""
    return type(error).__name__


def unavailable(error: Exception, operation: str, *, account: str) -> Unavailable:
    """Translate what exchangelib raised for one request. `account` is the user name that was used."""
    origin = _origin(error)
    if isinstance(origin, BUSY):
        wait = getattr(error, "back_off", None) or None
        return NotProcessed(System.EXCHANGE, _waits(f"is busy and postponed {operation}"), retry_after_seconds=wait)
    if isinstance(origin, ACCOUNT):
        return AuthenticationFailed(
            System.EXCHANGE,
            f"Exchange does not let {account} use the mailbox ({code_of(origin)}): mails wait until it does. "
            "Check that the account is enabled and has full access and send-as rights on mailbox.address.",
            account=account,
        )
    if isinstance(origin, INVALID):
        remedy = "approvald needs Exchange 2016 or later."
        return NotProcessed(
            System.EXCHANGE, _waits(f"refused the form of {operation} ({code_of(origin)})") + " " + remedy
        )
    return _unanswered(origin, operation)


def _unanswered(error: Exception, operation: str) -> Unavailable:
    """Translate what happened on the way to Exchange or back."""
    causes = list(_causes(error))
    never_sent = next((cause for cause in causes if isinstance(cause, _NEVER_SENT)), None)
    if never_sent is not None:
        return NotProcessed(System.EXCHANGE, _not_reached(never_sent))
    if any(isinstance(cause, _TOO_LATE) for cause in causes):
        return Unavailable(System.EXCHANGE, _waits(f"did not answer {operation} within mailbox.read_timeout_seconds"))
    if isinstance(error, (*AWAY, requests.RequestException, urllib3.exceptions.HTTPError, OSError)):
        return Unavailable(System.EXCHANGE, _waits(f"broke off {operation} ({code_of(causes[-1])})"))
    return Garbled(System.EXCHANGE, _waits(f"answered {operation} in a form that cannot be used ({code_of(error)})"))


def _waits(what: str) -> str:
    return f"Exchange {what}: nothing is lost, mails wait, and it is asked again."


def _not_reached(cause: BaseException) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"The certificate of the Exchange server is not trusted ({cause.verify_message}): mails wait. Put the CA's "
            "certificate into the file of mailbox.ca_file, or correct mailbox.url."
        )
    return (
        f"The Exchange server cannot be reached ({code_of(cause)}): mails wait, and it is asked again. "
        "Check mailbox.url, mailbox.proxy and the network."
    )


def _origin(error: Exception) -> Exception:
    """Return the error before exchangelib called it busy: it does so with some that are not, to retry them."""
    inner = error.__context__
    if isinstance(error, ews.ErrorServerBusy) and isinstance(inner, ews.EWSError) and isinstance(inner, Exception):
        return inner
    return error


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and everything it wraps; requests and urllib3 keep causes in `args` and `reason`."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
