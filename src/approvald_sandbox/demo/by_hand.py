"""The sandbox for playing by hand: a ready configuration, and mails on demand.

Everything a second terminal needs lies in the run folder: `approvald.toml`, and `endpoints.json` while it runs.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.control.process import SandboxFailed
from approvald_sandbox.demo.approvald_toml import approvald_toml
from approvald_sandbox.world.mails import Notice, forwarded, forwarded_as_attachment

ENDPOINTS_FILE: Final = "endpoints.json"
CONFIGURATION_FILE: Final = "approvald.toml"
STATE_FOLDER: Final = "state"
FIRST_NUMBER: Final = 1101
POLL_SECONDS: Final = 2.0

TEXT: Final = """\
The sandbox is up: a pretend Exchange, directory, PVWA and Vault, for this machine only.

  configuration  {configuration}
  control API    {control}   (routes: src/approvald_sandbox/control/api.py)
  Exchange       {exchange}
  PVWA           {pvwa}
  directory      {ldaps}
  Vault          {vault}
  certificates   {ca_file}

Who confirms requests at the first level, by safe (at the second level: {level2_group}, {second}):
{safes}

In another terminal, start approvald against it:
  {python} -m approvald --config {configuration} run
Make a request in PVWA, and let an approver forward its notification:
  {python} -m approvald_sandbox notice --sender ilka.brandt@{domain}
Deliver a mail of your own:
  {python} -m approvald_sandbox deliver FILE.eml
  curl --data-binary @FILE.eml {control}/mail
See what came of it:
  {python} -m approvald --config {configuration} tail
  curl {control}/confirmations    (and /sent, /mailbox, /requests, /journal)

Ctrl-C stops it.
"""


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the run folder for this process, and begin with a new state. Raises ValueError when another one holds it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"another sandbox is running in {folder}; stop it, or choose another folder with --dir"
            raise ValueError(message) from None
        shutil.rmtree(folder / STATE_FOLDER, ignore_errors=True)
        try:
            yield
        finally:
            (folder / ENDPOINTS_FILE).unlink(missing_ok=True)


def announce(folder: Path, world: Mapping[str, Any], endpoints: Mapping[str, str]) -> None:
    """Write the configuration and the endpoints into the run folder, and print how to play."""
    configuration = folder / CONFIGURATION_FILE
    text = approvald_toml(endpoints, folder.absolute() / STATE_FOLDER, poll_seconds=POLL_SECONDS, stderr="all")
    (folder / STATE_FOLDER).mkdir(exist_ok=True)
    configuration.write_text(text, encoding="utf-8")
    (folder / ENDPOINTS_FILE).write_text(json.dumps(dict(endpoints)), encoding="utf-8")
    words = {
        "python": _from_here(Path(sys.executable)),
        "configuration": _from_here(configuration.absolute()),
        "safes": "\n".join(f"  {safe:<14} {_members(world, group)}" for safe, group in world["safes"].items()),
        "second": _members(world, endpoints["level2_group"]),
    }
    print(TEXT.format(**{**endpoints, **words}), flush=True)


def running(folder: Path) -> Sandbox:
    """Return the sandbox that runs in the folder. Raises SandboxFailed when none does."""
    try:
        endpoints = json.loads((folder / ENDPOINTS_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        message = f"no sandbox is running in {folder}; start one with `make sandbox`, or name its folder with --dir"
        raise SandboxFailed(message) from None
    return Sandbox.running(endpoints)


def notice(
    sandbox: Sandbox, *, sender: str, requestor: str, safe: str, number: str | None, levels: int, attached: bool
) -> str:
    """Let `sender` forward the notification of a request, made first where there is none. Returns what was done."""
    known = sandbox.requests()
    chosen = number or _free_number(known)
    domain = sandbox.endpoints()["domain"]
    if f"{safe}_{chosen}" in known:
        asked = known[f"{safe}_{chosen}"]
        requestor = f"{asked['requestor']}@{domain}"
        made = f"Request {chosen} of {safe} was already there"
    else:
        sandbox.change_request(safe, chosen, requestor=requestor, levels=levels)
        asked = sandbox.requests()[f"{safe}_{chosen}"]
        made = f"Request {chosen} of {safe} by {requestor} is waiting in PVWA"
    facts = {name: asked[name] for name in ("account", "device_user", "reason")}
    told = Notice(requestor=requestor, safe=safe, number=chosen, **facts)
    sandbox.deliver(forwarded_as_attachment(told, sender) if attached else forwarded(told, sender))
    return f"{made}; the notification that {sender} forwards is in the Inbox."


def _free_number(requests: Mapping[str, Mapping[str, Any]]) -> str:
    numbers = [int(each["number"]) for each in requests.values() if str(each["number"]).isdecimal()]
    return str(max([FIRST_NUMBER - 1, *numbers]) + 1)


def _members(world: Mapping[str, Any], group: str | list[str]) -> str:
    """Return who is in the group, or in each of the groups, as far as the world names it."""
    names = [group] if isinstance(group, str) else group
    people = [str(each).partition("@")[0] for name in names for each in world["groups"].get(name, [name])]
    return ", ".join(people)


def _from_here(path: Path) -> str:
    """Return the path as one types it in this folder."""
    here = os.path.relpath(path)
    return str(path) if here.startswith("..") else here
