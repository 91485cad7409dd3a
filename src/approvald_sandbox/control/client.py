"""The sandbox seen from a test or the demo: starts it as a process and talks to its control API."""

from __future__ import annotations

import http.client
import json
import tempfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urlencode, urlsplit

from approvald_sandbox.control.process import SandboxFailed, SandboxProcess
from approvald_sandbox.systems.faults import Fault, System

CALL_SECONDS: Final = 20.0

Fields = dict[str, Any]


class Sandbox:
    """A sandbox process, from `with` to the end of the block; it also ends when this process does.

    `world` is a world.json or its content, the demo's world by default. `directory` gets the certificates, Vault's ids
    and the log; a temporary folder by default. `ports` fixes ports by name (see configuration.PORTS).
    """

    def __init__(
        self,
        world: Path | Mapping[str, Any] | None = None,
        directory: Path | None = None,
        ports: Mapping[str, int] | None = None,
    ) -> None:
        self._world = world
        self._ports = dict(ports or {})
        self._temporary = None if directory else tempfile.TemporaryDirectory(prefix="approvald-sandbox-")
        self.directory = directory or Path(self._temporary.name if self._temporary else "")
        self._process: SandboxProcess | None = None
        self._endpoints: dict[str, str] = {}

    @classmethod
    def running(cls, endpoints: Mapping[str, str]) -> Self:
        """Return the client of a sandbox that runs already, in a process of somebody else, who also stops it."""
        client = cls(directory=Path(endpoints["directory"]))
        client._endpoints = dict(endpoints)
        return client

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process and wait until everything listens. Raises SandboxFailed with the end of its log."""
        world = None if self._world is None else self._world_file(self._world)
        self._process = SandboxProcess(self.directory, world, self._ports)
        self._endpoints = self._process.endpoints()

    def stop(self) -> int:
        """Stop the process in order. Returns its exit code."""
        process, self._process = self._process, None
        code = process.stop() if process else 0
        if self._temporary is not None:
            self._temporary.cleanup()
        return code

    def _world_file(self, world: Path | Mapping[str, Any]) -> Path:
        if isinstance(world, Path):
            return world
        self.directory.mkdir(parents=True, exist_ok=True)
        written = self.directory / "world.json"
        written.write_text(json.dumps(dict(world)), encoding="utf-8")
        return written

    def endpoints(self) -> dict[str, str]:
        """Return where everything is (keys: configuration.endpoints)."""
        return dict(self._endpoints)

    # Mail

    def deliver(
        self,
        raw: bytes,
        *,
        item_class: str = "IPM.Note",
        received: datetime | None = None,
        folder: str = "inbox",
        properties: Mapping[str, str] | None = None,
    ) -> str:
        """Deliver a mail as the transport would. Returns its item id. `received` is aware, the world's now by default.

        `properties` are MAPI properties by tag, such as `0x5D01`, with their values as EWS writes them.
        """
        query = {"item_class": item_class, "folder": folder, "properties": json.dumps(dict(properties or {}))}
        if received is not None:
            query["received"] = received.isoformat()
        return str(self._call("POST", "/mail", raw, query)["id"])

    def mailbox(self, folder: str | None = None) -> dict[str, list[Fields]]:
        """Return what is in each folder, by path such as `Inbox/Done`, or in one of them."""
        return dict(self._call("GET", "/mailbox", query={"folder": folder} if folder else {}))

    def raw(self, item_id: str) -> bytes:
        """Return the MIME of a mail in the mailbox."""
        return str(self._call("GET", "/mailbox/raw", query={"id": item_id})["raw"]).encode("latin-1")

    def move(self, item_id: str, folder: str) -> str:
        """Move a mail as an administrator by hand. Returns its new id."""
        return str(self._call("POST", "/mailbox/move", {"id": item_id, "folder": folder})["id"])

    def sent(self, after: int = 0) -> list[Fields]:
        """Return every mail sent from the mailbox, in order, without the first `after`."""
        return list(self._call("GET", "/sent", query={"after": str(after)}))

    # What was asked of the systems

    def confirmations(self) -> list[Fields]:
        """Return the votes that PVWA took: key, user, level, reason, at."""
        return list(self._call("GET", "/confirmations"))

    def confirm_attempts(self) -> list[Fields]:
        """Return every Confirm that arrived, whatever became of it."""
        return list(self._call("GET", "/confirm-attempts"))

    def journal(self, route: str = "") -> list[Fields]:
        """Return every PVWA call in order, or those of one route such as `Logon`."""
        return list(self._call("GET", "/journal", query={"route": route}))

    def stats(self) -> Fields:
        """Return operations in order and failed logons, by system (keys: Systems.stats)."""
        return dict(self._call("GET", "/stats"))

    # The world

    def now(self) -> float:
        """Return the world's time in epoch seconds UTC."""
        return float(self._call("GET", "/clock")["now"])

    def turn_clock(self, seconds: float) -> float:
        """Turn the world's clock. Returns its time in epoch seconds UTC."""
        return float(self._call("POST", "/clock", {"seconds": seconds})["now"])

    def requests(self) -> dict[str, Fields]:
        """Return all access requests by PVWA's RequestID."""
        return dict(self._call("GET", "/requests"))

    def change_request(self, safe: str, request_id: str, **fields: Any) -> None:
        """Add an access request or change the keys given (those of world.json); `delete=True` takes it out."""
        self._call("POST", "/requests", {"safe": safe, "request_id": request_id, **fields})

    def change_person(self, sam: str, **fields: Any) -> None:
        """Add a person or change the keys given; `delete=True` takes the person out."""
        self._call("POST", "/people", {"sam": sam, **fields})

    def change_group(self, name: str, **fields: Any) -> None:
        """Add a group or change `members` or `kind`; `delete=True` takes it out, `recreate=True` changes its SID."""
        self._call("POST", "/groups", {"name": name, **fields})

    def change_safe(self, name: str, *, level1: Iterable[str], level2: Iterable[str] | None = None) -> None:
        """Add or replace a safe with the confirmers of its levels, the second-level group by default for level 2."""
        more = {} if level2 is None else {"level2": list(level2)}
        self._call("POST", "/safes", {"name": name, "level1": list(level1), **more})

    def reset(self, world: Mapping[str, Any] | None = None) -> None:
        """Begin anew, in the world of the start or in another: no mails, faults, journal, sessions or lock-outs."""
        self._call("POST", "/reset", dict(world or {}))

    # What goes wrong

    def put_fault(self, system: System, fault: Fault) -> None:
        """Put a fault into a system."""
        fields = {"times": fault.times, "operation": fault.operation, "seconds": fault.seconds}
        fields |= {"status": fault.status, "retry_after": fault.retry_after, "skip": fault.skip}
        self._call("POST", "/faults", {"system": str(system), "kind": str(fault.kind), **fields})

    def clear_faults(self, system: System | None = None) -> None:
        """Take the faults out of one system, or of all."""
        self._call("DELETE", "/faults", query={"system": str(system)} if system else {})

    def faults(self) -> dict[str, list[Fields]]:
        """Return the faults in force by system."""
        return dict(self._call("GET", "/faults"))

    def change_profile(self, **switches: Any) -> None:
        """Change how the PVWA behaves (pvwa/profile.py)."""
        self._call("POST", "/profile", switches)

    def change_password(self, account: str, password: str, places: Iterable[str] = ("directory", "vault")) -> None:
        """Change a service account's password in the directory, in the secret store, or in both."""
        self._call("POST", "/password", {"account": account, "password": password, "in": list(places)})

    def change_vault(self, **fields: Any) -> Fields:
        """Change the secret store: `sealed`, `token_seconds`, `secret_id`, `delete` (a path).

        `wrap_secret_id` answers a token.
        """
        return dict(self._call("POST", "/vault", fields))

    def change_exchange(self, **fields: Any) -> Fields:
        """Change `schemes` (NTLM, Basic) or `heartbeat_seconds`, or `forget_subscriptions`; tells `open_streams`."""
        return dict(self._call("POST", "/exchange", fields))

    def end_pvwa_sessions(self, user: str = "*") -> None:
        """End the PVWA sessions of one user, or of everybody."""
        self._call("POST", "/pvwa", {"end_sessions": user})

    def activate_pvwa_user(self, user: str) -> None:
        """Lift the suspension of a PVWA user."""
        self._call("POST", "/pvwa", {"activate": user})

    def _call(
        self, method: str, path: str, body: bytes | Fields | None = None, query: Mapping[str, str] | None = None
    ) -> Any:
        """Call the control API once. Raises SandboxFailed when it refuses or does not answer."""
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        target = f"{quote(path)}?{urlencode(query)}" if query else quote(path)
        control = urlsplit(self._endpoints["control"])
        connection = http.client.HTTPConnection(str(control.hostname), control.port, timeout=CALL_SECONDS)
        try:
            connection.request(method, target, body=content)
            answer = connection.getresponse()
            found = answer.read()
        except OSError as error:
            log = self._process.log()[-2000:] if self._process else ""
            message = f"{method} {path}: the sandbox does not answer ({error}); its log ends: {log}"
            raise SandboxFailed(message) from error
        finally:
            connection.close()
        if answer.status != http.client.OK:
            message = f"{method} {path}: {answer.status} {found.decode('utf-8', 'replace')}"
            raise SandboxFailed(message)
        return json.loads(found)
