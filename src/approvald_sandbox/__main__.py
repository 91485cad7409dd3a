"""The pretend systems, the demo that is played on them, and mails to play with by hand."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from approvald_sandbox.control.process import SandboxFailed
from approvald_sandbox.demo import by_hand

USAGE_ERROR: Final = 64
RUN_FOLDER: Final = Path("build") / "sandbox"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit code."""
    chosen = _parser().parse_args(arguments)
    run = {"demo": _demo, "serve": _serve, "notice": _notice, "deliver": _deliver}[chosen.command]
    try:
        return run(chosen)
    except (OSError, ValueError, SandboxFailed) as error:
        print(f"approvald_sandbox: {error}", file=sys.stderr)
        return USAGE_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="approvald_sandbox", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="play the stories and compare what happens with what must happen")
    demo.add_argument("word", nargs="?", default="", help="play only the stories with this word in their titles")
    _add_serve(commands.add_parser("serve", help="start all systems and print where they are"))
    notice = commands.add_parser("notice", help="make a request in PVWA and let somebody forward its notification")
    notice.add_argument("--sender", required=True, help="address of the person who forwards it")
    notice.add_argument("--requestor", default="jonas.keil@corp.example", help="address (default: %(default)s)")
    notice.add_argument("--safe", default="DB-PROD-01", help="default: %(default)s")
    notice.add_argument("--number", help="request number: that of an existing request, or the next free one")
    notice.add_argument("--levels", type=int, choices=(1, 2), default=1, help="levels a new request needs (default: 1)")
    notice.add_argument("--attached", action="store_true", help="forward it as an attachment")
    deliver = commands.add_parser("deliver", help="deliver a mail of your own")
    deliver.add_argument("file", type=Path, help="the raw mail")
    deliver.add_argument("--item-class", default="IPM.Note", help="its class in Exchange (default: %(default)s)")
    for each in (notice, deliver):
        each.add_argument("--dir", type=Path, default=RUN_FOLDER, help="folder of the sandbox (default: %(default)s)")
    return parser


def _add_serve(serve: argparse.ArgumentParser) -> None:
    serve.add_argument("--world", type=Path, help="the world.json to start with (default: the demo's)")
    serve.add_argument("--dir", type=Path, help=f"its folder (default: {RUN_FOLDER} for people, else a temporary one)")
    serve.add_argument("--ports-file", type=Path, help="JSON with the ports to use; written if it does not exist")
    serve.add_argument("--with-stdin", action="store_true", help="also stop when standard input ends")
    serve.add_argument(
        "--output",
        choices=("people", "json"),
        default="people" if sys.stdout.isatty() else "json",
        help="people: a configuration and how to use it; json: one JSON line (default: people on a terminal)",
    )


def _demo(chosen: argparse.Namespace) -> int:
    from approvald_sandbox.demo import play  # noqa: PLC0415 - `serve` needs none of it

    return play.main(chosen.word)


def _serve(chosen: argparse.Namespace) -> int:
    from approvald_sandbox.control import server  # noqa: PLC0415 - `notice` needs none of the web server

    options = {"world": chosen.world, "ports_file": chosen.ports_file, "with_stdin": chosen.with_stdin}
    if chosen.output == "json":
        asyncio.run(server.serve(directory=chosen.dir, **options))
        return 0
    folder = chosen.dir or RUN_FOLDER
    world = server.read_world(chosen.world)
    with by_hand.only_one(folder):
        asyncio.run(
            server.serve(directory=folder, announce=lambda where: by_hand.announce(folder, world, where), **options)
        )
    print("The sandbox has stopped.")
    return 0


def _notice(chosen: argparse.Namespace) -> int:
    done = by_hand.notice(
        by_hand.running(chosen.dir),
        sender=chosen.sender,
        requestor=chosen.requestor,
        safe=chosen.safe,
        number=chosen.number,
        levels=chosen.levels,
        attached=chosen.attached,
    )
    print(done)
    return 0


def _deliver(chosen: argparse.Namespace) -> int:
    by_hand.running(chosen.dir).deliver(chosen.file.read_bytes(), item_class=chosen.item_class)
    print(f"{chosen.file} is in the Inbox.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
