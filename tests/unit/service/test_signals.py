"""Whoever waits is woken, also by a handler that runs in the middle of waiting or of another handler."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

import pytest

from approvald.service.signals import Signals


@pytest.fixture
def signals() -> Iterator[Signals]:
    """Take the signals of this process, and give them back."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    made = Signals()
    made.listen()
    yield made
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_wish_from_before_ends_the_wait_at_once(signals: Signals) -> None:
    """And one wish ends one wait."""
    signals.wake()
    signals.wake()
    began = time.monotonic()
    signals.wait(60)
    assert time.monotonic() - began < 30
    signals.wait(0)
    os.kill(os.getpid(), signal.SIGHUP)
    signals.wait(60)
    assert signals.take_reload()
    assert not signals.take_reload()


def test_a_signal_at_any_step_of_waiting_blocks_nothing(signals: Signals) -> None:
    """A handler runs between any two steps of the interpreter, inside the wait and the wake-up, too."""
    steps = 0

    def trace(frame: FrameType, event: str, _argument: object) -> object:
        nonlocal steps
        frame.f_trace_opcodes = True
        if event == "opcode" and steps < 400:
            steps += 1
            signal.raise_signal(signal.SIGHUP)
        return trace

    def rounds() -> None:
        for _ in range(3):
            signals.wake()
            signals.wait(0.01)

    guard = threading.Timer(20, os._exit, (70,))  # a deadlock of the main thread would end nothing else
    guard.start()
    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]  # a function that returns itself
    try:
        rounds()
    finally:
        sys.settrace(before)
        guard.cancel()
    assert steps > 20
    assert signals.take_reload()
