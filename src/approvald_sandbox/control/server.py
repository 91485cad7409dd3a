"""The sandbox as a process: starts the pretend systems and the control API, says where they are, stops in order."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from approvald_sandbox.control.api import make_app
from approvald_sandbox.systems.all import STOP_SECONDS, Systems
from approvald_sandbox.systems.endpoints import PORTS, endpoints
from approvald_sandbox.systems.listener import Listener, web_listener
from approvald_sandbox.world.world import build

DEMO_WORLD: Final = Path(__file__).parents[1] / "world" / "demo.json"
HIGHEST_PORT: Final = 65535


def read_world(path: Path | None) -> dict[str, Any]:
    """Return the content of a world.json, by default the demo's. Raises ValueError when it is not one."""
    source = path or DEMO_WORLD
    try:
        data: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
        build(data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{source} is not a world.json: {type(error).__name__}: {error}"
        raise ValueError(message) from error
    return data


def read_ports(path: Path | None) -> dict[str, int]:
    """Return the ports that an earlier run wrote down, none where there is no file. Raises ValueError."""
    if path is None or not path.exists():
        return {}
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if isinstance(found, dict) and found.keys() <= set(PORTS):
        ports = {name: port for name, port in found.items() if type(port) is int and 0 <= port <= HIGHEST_PORT}
        if len(ports) == len(found):
            return ports
    message = f"{path} is not a ports file: a JSON object with a port number for some of {', '.join(PORTS)}"
    raise ValueError(message)


def write_ports(path: Path, ports: dict[str, int]) -> None:
    """Write down the ports for the next run."""
    path.write_text(json.dumps(ports), encoding="utf-8")


def print_as_json(endpoints: dict[str, str]) -> None:
    """Print the endpoints as one line, for the process that waits for it."""
    print(json.dumps(endpoints), flush=True)


async def serve(
    *,
    world: Path | None = None,
    directory: Path | None = None,
    ports_file: Path | None = None,
    with_stdin: bool = False,
    announce: Callable[[dict[str, str]], None] = print_as_json,
) -> None:
    """Run until SIGTERM or SIGINT, `with_stdin` also until standard input ends; `announce` the endpoints when ready.

    `directory` takes the certificates and Vault's ids; without one a temporary folder is made and removed.
    Ports are those of `ports_file` and free ones otherwise; they are written there. Raises OSError and ValueError.
    """
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    async with AsyncExitStack() as cleanup:
        chosen = directory or Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="approvald-sandbox-")))
        chosen.mkdir(parents=True, exist_ok=True, mode=0o700)
        systems = Systems(read_world(world), chosen.absolute())
        cleanup.push_async_callback(systems.stop)
        ports = read_ports(ports_file)
        await systems.start(ports)
        control = await _control(systems, ports.get("control", 0), cleanup)
        if ports_file is not None:
            write_ports(ports_file, systems.ports() | {"control": control.port})
        if with_stdin:
            await _stop_at_end_of_stdin(stop)
        announce(_endpoints(systems, control))
        await stop.wait()


async def _control(systems: Systems, port: int, cleanup: AsyncExitStack) -> Listener:
    """Start the control API."""
    app = make_app(systems, lambda: _endpoints(systems, control))
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=STOP_SECONDS)
    await runner.setup()
    cleanup.push_async_callback(runner.cleanup)
    control = web_listener(runner, None, port)
    await control.open()
    cleanup.callback(control.give_up)
    return control


def _endpoints(systems: Systems, control: Listener) -> dict[str, str]:
    return endpoints(
        world=systems.world,
        ports=systems.ports() | {"control": control.port},
        certificates=systems.certificates,
        directory=systems.directory,
    )


async def _stop_at_end_of_stdin(stop: asyncio.Event) -> None:
    """Set `stop` when standard input ends, which it does when the process that started this one is gone."""

    class UntilEnd(asyncio.Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            del exc
            stop.set()

    await asyncio.get_running_loop().connect_read_pipe(UntilEnd, sys.stdin)
