"""The program's exit codes, and the one place where errors become exit codes.

64, 69, 70, 75, 77 and 78 are those of sysexits.h; systemd must not restart after 64, 77 and 78.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from enum import IntEnum
from typing import Final

import click

from approvald.core.errors import ApprovaldError, ConfigurationInvalid, LedgerUnusable, Unavailable
from approvald.core.logs.redaction import without_secrets_in_trace

_OF_OUTPUT: Final = {errno.ENOSPC, errno.EPIPE, errno.EIO}


class Exit(IntEnum):
    """How the program ended. A command returns one, or None for OK."""

    OK = 0
    FAILED = 1
    """The command did its work and the answer is no."""
    USAGE = 64
    UNAVAILABLE = 69
    """An outside system did not do its work."""
    SOFTWARE = 70
    """An unexpected error."""
    TEMPORARY = 75
    """Not now: another approvald holds the lease."""
    PERMISSION = 77
    CONFIGURATION = 78
    INTERRUPTED = 130
    """Ended from the keyboard."""


def run(program: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code. What went wrong is written to stderr, for a person."""
    try:
        result = program.main(args=arguments, prog_name="approvald", standalone_mode=False)
        _flush()
    except click.UsageError as error:
        error.show()
        return Exit.USAGE
    except click.ClickException as error:
        return _say(error.format_message(), code=Exit.FAILED)
    except click.Abort:
        return Exit.INTERRUPTED
    except ConfigurationInvalid as error:
        forbidden = isinstance(error.__cause__, PermissionError)
        return _say(*error.problems, code=Exit.PERMISSION if forbidden else Exit.CONFIGURATION)
    except LedgerUnusable as error:
        return _say(str(error), code=Exit.CONFIGURATION)
    except Unavailable as error:
        return _say(str(error), code=Exit.UNAVAILABLE)
    except ApprovaldError as error:
        return _say(str(error), code=Exit.FAILED)
    except OSError as error:
        return _of_operating_system(error)
    except Exception:  # noqa: BLE001 - Python would print the traceback with the secrets that are in it
        return _say(_trace(), code=Exit.SOFTWARE)
    return int(result) if isinstance(result, int) else Exit.OK


def _flush() -> None:
    """Print what is left now, where an error can still be told. Whoever started us may have closed the output."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _of_operating_system(error: OSError) -> int:
    if isinstance(error, PermissionError):
        problem = f"{error.filename}: not allowed ({error.strerror}); run as the user approvald runs as, or as root"
        return _say(problem, code=Exit.PERMISSION)
    if error.errno in _OF_OUTPUT and error.filename is None and sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python would try once more at its end
        if error.errno == errno.EPIPE:  # its reader has read enough
            return Exit.FAILED
        problem = f"the output could not be written ({error.strerror}) and is not complete"
        return _say(problem, code=Exit.FAILED)
    return _say(_trace(), code=Exit.SOFTWARE)


def _trace() -> str:
    return without_secrets_in_trace(traceback.format_exc())


def _say(*sentences: str, code: Exit) -> int:
    for sentence in sentences:
        click.echo(f"approvald: {sentence}", file=sys.stderr)
    return code
