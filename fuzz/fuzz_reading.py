"""Coverage-guided fuzzing of intake, sender proof and reading with atheris: `make fuzz SECONDS=60`.

Every input is a raw mail, and is held against `tests/reading_properties.py`. A mail that breaks a rule, takes over one
second of processor time or over 1 GiB is written to build/fuzz/; once understood it becomes a file of
tests/corpus/found/, which `tests/unit/mail/test_reading_properties.py` reads for ever.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from random import Random
from typing import Final

import atheris

ROOT: Final = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

with atheris.instrument_imports(include=["approvald", "email"]):
    from reading_properties import check

CORPUS: Final = ROOT / "tests" / "corpus"
OWN: Final = ROOT / "build" / "fuzz"
MOST_SECONDS: Final = 1.0
LONGEST: Final = 20_000
OPTIONS: Final = (
    "-timeout=60",  # by the clock, for a mail that never ends; MOST_SECONDS is what a mail may really take
    "-rss_limit_mb=1024", f"-max_len={LONGEST}", "-print_final_stats=1", "-use_value_profile=0",
    f"-dict={ROOT / 'fuzz' / 'mail.dict'}", f"-artifact_prefix={OWN}/",
)  # fmt: skip


def one_mail(raw: bytes) -> None:
    """Hold one mail against every rule, and its time against the limit."""
    started = time.process_time()
    check(raw)
    took = time.process_time() - started
    if took > MOST_SECONDS:
        message = f"reading took {took:.1f} s"
        raise TimeoutError(message)


def changed(raw: bytes, most: int, seed: int) -> bytes:
    """Change a mail: one time in two its lines, as forgers do, else its bytes, as libFuzzer does."""
    chance = Random(seed)  # noqa: S311 - libFuzzer's own seed, so that a run can be repeated
    lines = raw.splitlines(keepends=True)
    if len(lines) < 2 or chance.random() < 0.5:  # noqa: PLR2004 - halves, and two lines to swap
        return bytes(atheris.Mutate(raw, most))
    start = chance.randrange(len(lines))
    piece = lines[start : start + chance.choice((1, 1, 2, 5, 20))]
    match chance.randrange(4):
        case 0:
            del lines[start : start + len(piece)]
        case 1:
            place = chance.randrange(len(lines) + 1)
            lines[place:place] = piece
        case 2:
            times = chance.choice((2, 2, 2, 3, 3, 50, 5_000))
            lines[start:start] = piece * min(times, 1 + most // max(1, sum(map(len, piece))))
        case _:
            other = chance.randrange(len(lines))
            lines[start], lines[other] = lines[other], lines[start]
    return b"".join(lines)[:most]


def main() -> None:
    """Run libFuzzer with our limits; arguments of its own, like -max_total_time=60, come after."""
    (OWN / "corpus").mkdir(parents=True, exist_ok=True)
    folders = [OWN / "corpus", CORPUS / "open", CORPUS / "found"]
    arguments = [sys.argv[0], *OPTIONS, *sys.argv[1:], *map(str, filter(Path.is_dir, folders))]
    atheris.Setup(arguments, one_mail, custom_mutator=changed)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
