"""What a reading process can do wrong costs one mail its reading, and nothing else."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from approvald.core import frozen_json
from approvald.core.model import Ambiguous, Incomplete, NotARequest, Notification, Reading
from approvald.mail.parse.read import read
from approvald.mail.reader.process import Reader, ReaderFailed
from mailbag import RULES, corpus, part, text_of
from reading_process import (
    HONEST,
    LARGE,
    NUMBER,
    PATIENT,
    SLOW,
    TASK,
    children,
    count_from_here,
    has_ended,
    impostor,
    open_files,
)

CORE = ("requestor", "safe", "number")
GOOD = Notification(requestor="mara.voss@corp.example", safe="DB-PROD-01", number="1101")


@pytest.fixture(autouse=True)
def _only_ours() -> None:
    """Look at no process of another test."""
    count_from_here()


@pytest.fixture
def reader() -> Iterator[Reader]:
    """Return a reader with the shipped limits."""
    with Reader(TASK) as reader:
        yield reader


def only_child() -> int:
    """Return the one process that reads."""
    (pid,) = children()
    return pid


def assert_unreadable(reading: Reading) -> None:
    """Hold a reading to the form of the parser's own refusals: a sentence for people, and what to do."""
    assert isinstance(reading, Incomplete)
    assert reading.unreadable
    assert reading.missing == CORE
    assert reading.why.isascii()
    assert "Forward CyberArk's notification alone" in reading.why


def number_of(reading: Reading) -> str:
    """Return the request number of a reading that is one."""
    assert isinstance(reading, Notification), reading
    return reading.number


def test_every_mail_reads_as_it_does_in_this_process(reader: Reader) -> None:
    """The way through another process changes no reading of the corpus, whatever kind it is."""
    cases = corpus()
    assert [case.name for case in cases if reader.read(case.raw) != read(case.raw, RULES.parse)] == []


def test_a_mail_over_the_limit_is_refused_in_the_same_words(reader: Reader) -> None:
    """A mail of any length is refused as this process would, and not sent over whole."""
    assert reader.read(b"x" * 30_000_000) == read(b"x" * 30_000_000, RULES.parse)


def test_a_process_killed_in_the_middle_costs_one_mail(reader: Reader) -> None:
    """SIGKILL while a mail is read makes that one unreadable; the next is read by a new process; no zombie is left."""
    reader.read(HONEST)
    child = only_child()
    os.kill(child, signal.SIGSTOP)
    killer = threading.Timer(0.3, os.kill, (child, signal.SIGKILL))
    killer.start()
    assert_unreadable(reader.read(HONEST))
    killer.join()
    assert children() == set()
    assert number_of(reader.read(HONEST)) == NUMBER
    assert only_child() != child


def test_a_process_that_hangs_is_killed_in_time() -> None:
    """What is not read within `seconds` is unreadable, whatever the process does with SIGTERM, and it is gone."""
    with Reader(replace(TASK, seconds=1.0)) as reader:
        reader.read(HONEST)
        os.kill(only_child(), signal.SIGSTOP)
        start = time.monotonic()
        assert_unreadable(reader.read(HONEST))
        assert 0.9 < time.monotonic() - start < 3
        assert children() == set()
        assert number_of(reader.read(HONEST)) == NUMBER


def test_a_slow_mail_is_ended_at_the_time_limit() -> None:
    """A mail that would take seconds is unreadable after `seconds`, and says so; the next one is read."""
    with Reader(replace(PATIENT, seconds=1.0)) as reader:
        reading = reader.read(SLOW)
        assert_unreadable(reading)
        assert "cannot be read within 1 seconds" in str(reading)
        assert number_of(reader.read(HONEST)) == NUMBER


def test_a_mail_that_takes_too_much_memory_is_unreadable(reader: Reader) -> None:
    """The same mail is read with enough memory and unreadable without; the next one is read."""
    assert number_of(reader.read(LARGE)) == NUMBER
    with Reader(replace(TASK, memory_mib=68)) as small:
        assert_unreadable(small.read(LARGE))
        assert number_of(small.read(HONEST)) == NUMBER


@pytest.mark.parametrize("memory_mib", range(60, 100, 4))
def test_no_amount_of_memory_makes_half_a_reading(memory_mib: int) -> None:
    """Wherever memory ends, a mail with two safes is never read as having one: it is ambiguous or unreadable."""
    two = LARGE + b"<p>Safe: OTHER-01</p>\r\n"
    with Reader(replace(TASK, memory_mib=memory_mib)) as reader:
        try:
            reading = reader.read(two)
        except ReaderFailed:
            return
    assert isinstance(reading, Ambiguous) or getattr(reading, "unreadable", False)


def test_a_process_that_ended_unasked_costs_no_mail(reader: Reader) -> None:
    """Killed between two mails, it is started anew and the mail is read."""
    reader.read(HONEST)
    os.kill(only_child(), signal.SIGKILL)
    time.sleep(0.2)
    assert number_of(reader.read(HONEST)) == NUMBER


def frame(reading: Reading) -> str:
    """Return the act of saying a reading."""
    return f"say({frozen_json.dumps(reading)!r})"


@pytest.mark.parametrize(
    "act",
    [
        "write(b'Segmentation fault')",
        "write(b'\\xff\\xff\\xff\\xff' + b'x' * 100)",
        "say(b'')",
        "say(b'{')",
        "say(b'[' * 100_000)",
        "say(b'null')",
        'say(b\'{"kind": "Person", "value": {}}\')',
        f"say({pickle.dumps(('Notification', 'mara.voss@corp.example'))!r})",
        frame(GOOD)[:-4] + "')",
        frame(GOOD).replace('"reason": null', '"reason": 1'),
        frame(GOOD).replace('"reason": null', '"reason": null, "level": 2'),
        frame(GOOD).replace(', "reason": null', ""),
        frame(replace(GOOD, number="1101/../2")),
        frame(replace(GOOD, number="\u0661\u0662")),
        frame(replace(GOOD, safe="")),
        frame(replace(GOOD, safe="DB-PROD-01\n")),
        frame(replace(GOOD, safe="S" * 29)),
        frame(replace(GOOD, requestor="a@b.example, c@d.example")),
        frame(Incomplete(missing=("password",), why="No.")),
        frame(Ambiguous(fields=("safe",), why="Call\n+1 555.")),
        frame(NotARequest(why="x" * 501)),
        "write(b'\\0\\0\\0\\x40half'); os._exit(0)",
        "os._exit(0)",
        "os.abort()",
        "os.close(0); os.close(1); time.sleep(60)",
    ],
)
def test_an_answer_that_makes_no_sense_is_no_reading(act: str) -> None:
    """Bytes, shapes and values that the parser never answers with make the mail unreadable and end the process."""
    with Reader(replace(TASK, seconds=2.0), impostor(act)) as reader:
        assert_unreadable(reader.read(HONEST))
        assert children() == set()


def test_an_endless_answer_is_ended_in_time() -> None:
    """A process that answers byte by byte, or says nothing, is ended at the time limit as any other."""
    with Reader(replace(TASK, seconds=0.5), impostor("\n    while True: write(b'\\0'); time.sleep(0.2)")) as reader:
        assert_unreadable(reader.read(HONEST))
    with Reader(replace(TASK, seconds=0.5), impostor("time.sleep(60)")) as reader:
        assert_unreadable(reader.read(HONEST))
    assert children() == set()


def test_a_process_that_takes_no_mail_is_ended_in_time() -> None:
    """A mail longer than any buffer between the two does not hang where nobody takes it."""
    with Reader(replace(TASK, seconds=0.5), impostor("time.sleep(60)")) as reader:
        assert_unreadable(reader.read(b"x" * 4_000_000))


def test_an_answer_given_before_the_question_is_not_taken() -> None:
    """What was said unasked ends the process; the next mail never gets it for an answer."""
    other = replace(GOOD, number="666")
    with Reader(TASK, impostor(f"{frame(GOOD)}; {frame(other)}; time.sleep(0.1)")) as reader:
        assert number_of(reader.read(HONEST)) == GOOD.number
        first = only_child()
        time.sleep(0.3)
        assert number_of(reader.read(HONEST)) == GOOD.number
        assert only_child() != first


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["/nonexistent/python"], "cannot be started: No such file"),
        (impostor("pass", ready=b"no"), "does not start"),
        (["/bin/false"], "does not start (exit status 1)"),
        (["/bin/sleep", "60"], "does not start"),
    ],
)
def test_a_process_that_does_not_start_is_no_mails_fault(command: list[str], words: str) -> None:
    """Then nothing is said of the mail: it waits, and the error says where to look. Nothing is left behind."""
    before = open_files()
    with Reader(TASK, command, start_seconds=1.0) as reader, pytest.raises(ReaderFailed) as failed:
        reader.read(HONEST)
    assert words in str(failed.value)
    assert "memory_mib" in str(failed.value)
    assert children() == set()
    assert open_files() == before


def test_too_little_memory_to_start_is_said_with_the_option() -> None:
    """A limit that no mail could be read in is the operator's matter."""
    with (
        Reader(replace(TASK, memory_mib=40)) as reader,
        pytest.raises(ReaderFailed, match=r"memory_mib to \d+ or more"),
    ):
        reader.read(HONEST)
    assert children() == set()


def test_threads_get_each_its_own_reading(reader: Reader) -> None:
    """Several threads may ask at once; no answer goes to another's mail."""
    numbers = [str(number) for number in range(2000, 2060)]
    mails = [part(text_of({"Request Id": number})) for number in numbers]
    with ThreadPoolExecutor(4) as pool:
        assert [number_of(reading) for reading in pool.map(reader.read, mails)] == numbers


def test_two_hundred_mails_leave_nothing_behind(reader: Reader) -> None:
    """A process is replaced after a hundred mails; file descriptors and processes do not add up."""
    reader.read(HONEST)
    first, before = only_child(), open_files()
    for _ in range(200):
        assert number_of(reader.read(HONEST)) == NUMBER
    assert has_ended(first)
    reader.read(HONEST)
    assert open_files() == before
    assert len(children()) == 1
    reader.close()
    assert children() == set()
    assert open_files() == before - 1


def test_a_process_that_a_mail_made_grow_is_replaced(reader: Reader) -> None:
    """Memory that a large mail took is given back once it is read; small mails are read by one process."""
    reader.read(HONEST)
    small = only_child()
    reader.read(HONEST)
    assert only_child() == small
    assert number_of(reader.read(LARGE)) == NUMBER
    assert children() == set()


def test_a_quiet_process_is_ended() -> None:
    """It lives as long as mails come, and is ended at rest; the next mail is read all the same."""
    with Reader(TASK) as busy, Reader(TASK, rest_seconds=0.0) as quiet:
        busy.read(HONEST)
        quiet.read(HONEST)
        assert len(children()) == 2
        busy.end_if_idle()
        quiet.end_if_idle()
        assert len(children()) == 1
        assert number_of(quiet.read(HONEST)) == NUMBER
