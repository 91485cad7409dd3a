"""The pretend systems, and the demo that is played on them."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

USAGE_ERROR: Final = 64


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit code."""
    chosen = _parser().parse_args(arguments)
    run = {"demo": _demo, "serve": _serve}[chosen.command]
    return run(chosen)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="approvald_sandbox", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("demo", help="play the stories and compare what happens with what must happen")
    serve = commands.add_parser("serve", help="start all systems and print one JSON line with their endpoints")
    serve.add_argument("--world", type=Path, help="the world.json to begin with (default: the demo's)")
    serve.add_argument("--dir", type=Path, help="folder for certificates and Vault's ids (default: a temporary one)")
    serve.add_argument("--ports-file", type=Path, help="JSON with the ports to use; written when there is none")
    serve.add_argument("--with-stdin", action="store_true", help="stop also when standard input ends")
    return parser


def _demo(chosen: argparse.Namespace) -> int:
    from approvald_sandbox import demo  # noqa: PLC0415 - `serve` needs none of it

    del chosen
    return demo.main()


def _serve(chosen: argparse.Namespace) -> int:
    from approvald_sandbox.server import serve  # noqa: PLC0415 - `--help` needs none of the web server

    try:
        asyncio.run(
            serve(
                world=chosen.world,
                directory=chosen.dir,
                ports_file=chosen.ports_file,
                with_stdin=chosen.with_stdin,
            )
        )
    except (OSError, ValueError) as error:
        print(f"approvald_sandbox: {error}", file=sys.stderr)
        return USAGE_ERROR
    return 0


if __name__ == "__main__":
    sys.exit(main())
