"""Who approved this, and how do you know: the commands for auditors, on what the daemon has really done."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from approvald.ledger.chain import GENESIS, link, read
from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.world.mails import Notice, forwarded
from e2e.stage import Stage, raised

ILKA, WEN = "ilka.brandt@corp.example", "wen.zhao@corp.example"


class Day:
    """What happened: one request confirmed, one refused to another team, one mail forged."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.approved, self.refused = stage.request(), stage.new_request()
        stage.forward(self.approved, ILKA)
        stage.forward(self.refused, WEN)
        forged = forwarded(self.refused, ILKA).replace(b"AuthAs: Internal", b"AuthAs: Anonymous")
        stage.deliver(forged)
        stage.until(lambda: len(stage.codes()) == 3)
        stage.until(lambda: b'"forged"' in self.trail.read_bytes())

    @property
    def trail(self) -> Path:
        """The audit trail's file."""
        return self.stage.daemon.state / "audit.jsonl"

    def run(self, *arguments: str, expected: int = 0) -> str:
        """Run a command; return what it wrote."""
        done: subprocess.CompletedProcess[str] = self.stage.run(*arguments)
        assert done.returncode == expected, done.stdout + done.stderr
        return done.stdout + done.stderr


def key(notice: Notice) -> str:
    """Return PVWA's request id."""
    return f"{notice.safe}_{notice.number}"


@pytest.fixture(scope="module")
def day(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """Give such a day, with the daemon still running."""
    sandbox_process.reset()
    with raised(sandbox_process, tmp_path_factory.mktemp("day") / "state") as stage:
        yield Day(stage)


def test_why_shows_every_check_with_its_value(day: Day) -> None:
    """On one screen: the approver, how that is known, what PVWA said, each check, and what came of it."""
    screen = day.run("why", key(day.approved))
    for words in (
        "Ended as         confirmed", "Ilka Brandt", "Internal/04", "ok own_team", "DB_PAMapprover", "ok hourly_cap",
        "confirmed, accepted, by svc-pam-l1", f"Answered         {ILKA}",
    ):  # fmt: skip
        assert words in screen, screen
    assert len(screen.splitlines()) <= 50
    mail = screen.splitlines()[0].split()[1].rstrip(",")
    assert day.run("why", mail) == screen


def test_why_names_the_check_that_refused(day: Day) -> None:
    """And those behind it that nobody came to; a forged mail shows what Exchange wrote into it."""
    history = [json.loads(line) for line in day.run("history", "--json").splitlines()]
    mails = {row["outcome"]: row["mail"] for row in history}
    screen = day.run("why", mails["other_team"])
    assert "NO own_team" in screen
    assert "-- own_vote" in screen
    forged = day.run("why", mails["sender_unproven"])
    assert "NO sender_unproven" in forged
    assert "X-MS-Exchange-Organization-AuthAs: Anonymous" in forged
    assert "knows no request and no mail" in day.run("why", "nothing-of-the-kind", expected=1)


def test_history_is_filtered_and_has_no_formulas(day: Day) -> None:
    """By request, person, safe, time and outcome; as text, JSON and CSV."""
    rows = list(csv.DictReader(io.StringIO(day.run("history", "--csv"))))
    assert [row["outcome"] for row in rows] == ["confirmed", "other_team", "sender_unproven"]
    assert rows[0]["person"] == "Ilka Brandt"
    assert rows[0]["confirmer"] == "svc-pam-l1"
    for arguments, expected in (
        (("--request", key(day.approved).lower()), 1),
        (("--person", ILKA), 2),
        (("--person", "Ilka.Brandt"), 1),
        (("--person", rows[0]["guid"].upper()), 1),
        (("--safe", "db-prod-01"), 2),
        (("--safe", "DB-PROD"), 0),
        (("--since", "1h"), 3),
        (("--since", "2099-01-01"), 0),
        (("--outcome", "confirmed", "--outcome", "other_team"), 2),
    ):
        assert len(day.stage.run("history", *arguments).stdout.splitlines()) == expected, arguments


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("history", "--since", "yesterday"), "a span like 7d"),
        (("history", "--since", ""), "a span like 7d"),
        (("history", "--json", "--csv"), "cannot be combined"),
        (("shadow", "report", "--json", "--csv"), "cannot be combined"),
        (("history", "--outcome", "approved"), "no mail ends as 'approved'; it is one of: already_confirmed"),
    ],
)
def test_a_question_that_is_none_is_refused(day: Day, arguments: tuple[str, ...], words: str) -> None:
    """An empty answer to a mistyped question would read as one."""
    assert words in day.run(*arguments, expected=64)


def test_no_answer_is_said(day: Day) -> None:
    """Beside the rows, so that programs read none."""
    assert day.run("history", "--safe", "NO-SAFE") == "approvald: no mail matches\n"


def test_the_number_that_people_read_names_a_request(day: Day) -> None:
    """Where one request has it; the notification and our answers show no more of its id."""
    assert day.run("why", str(day.approved.number)) == day.run("why", key(day.approved))
    assert len(day.run("history", "--request", str(day.approved.number)).splitlines()) == 1


def test_what_cannot_be_printed_is_said(day: Day) -> None:
    """A full disk behind the output: no traceback, and no exit code of success."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(  # noqa: S603 - the program under test
            day.stage.daemon.command("history"), stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=30
        )
    assert done.returncode == 1
    assert done.stderr == "approvald: the output could not be written (No space left on device) and is not complete\n"


@pytest.mark.parametrize("form", [(), ("--zip",)])
def test_evidence_that_cannot_be_written_leaves_nothing(day: Day, tmp_path: Path, form: tuple[str, ...]) -> None:
    """One sentence, and the same command works once the place is right."""
    target = tmp_path / "nowhere" / "evidence"
    said = day.run("evidence", key(day.approved), "--to", str(target), *form, expected=1)
    assert "cannot be written (No such file or directory), and nothing was left there" in said
    target.parent.mkdir()
    day.run("evidence", key(day.approved), "--to", str(target), *form)


def test_evidence_can_be_checked_without_the_ledger(day: Day, tmp_path: Path) -> None:
    """Everything about one request is in one folder, and every file of it is proven by the manifest and the chain."""
    folder = tmp_path / "evidence"
    day.run("evidence", key(day.approved), "--to", str(folder))
    assert "is whole" in day.run("audit", "verify", str(folder))
    summary = (folder / "summary.txt").read_text(encoding="utf-8")
    assert "Approver (human): Ilka Brandt" in summary
    assert "Submitter (service account): svc-pam-l1; outcome: confirmed" in summary
    [before] = json.loads((folder / "pvwa_before.json").read_text())
    [after] = json.loads((folder / "pvwa_after.json").read_text())
    assert (before["confirmations_left"], after["confirmations_left"]) == (1, 0)
    [mail] = json.loads((folder / "mails.json").read_text())
    assert len(mail["mail"]["sha256"]) == 64
    assert json.loads((folder / "policy.json").read_text())["policy"]["groups"]["first_level"] == "*_PAMapprover"
    assert "nothing is overwritten" in day.run("evidence", key(day.approved), "--to", str(folder), expected=1)
    assert "says nothing about" in day.run("evidence", "NO-SAFE_1", expected=1)


@pytest.mark.parametrize("name", ["decisions.json", "audit.jsonl", "summary.txt", "manifest.json", None])
def test_changed_evidence_is_found(day: Day, tmp_path: Path, name: str | None) -> None:
    """One byte of any file, or a file too many."""
    folder = tmp_path / "evidence"
    day.run("evidence", key(day.approved), "--to", str(folder))
    changed = folder / (name or "more.txt")
    content = bytearray(changed.read_bytes() if name else b"x")
    at = content.index(b"hash") - 5 if name == "manifest.json" else len(content) // 2
    content[at] ^= 1
    changed.write_bytes(content)
    day.run("audit", "verify", str(folder), expected=1)


@pytest.mark.parametrize("name", ["decisions.json", "summary.txt", "pvwa_after.json", "mails.json", "policy.json"])
def test_a_manifest_written_anew_proves_nothing(day: Day, tmp_path: Path, name: str) -> None:
    """Every file must say what the chained lines say, whatever hash the manifest gives."""
    folder = tmp_path / "evidence"
    day.run("evidence", key(day.approved), "--to", str(folder))
    content = (folder / name).read_bytes()
    changed = content.replace(b"2", b"3").replace(b"Ilka Brandt", b"Rhea Malik")
    assert changed != content
    (folder / name).write_bytes(changed)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = hashlib.sha256(changed).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert f"{name}: does not say what audit.jsonl says" in day.run("audit", "verify", str(folder), expected=1)


def test_a_manifest_hides_no_file_and_names_no_other_request(day: Day, tmp_path: Path) -> None:
    """What files there are, and of which request, follows from the chained lines as well."""
    folder = tmp_path / "evidence"
    day.run("evidence", key(day.approved), "--to", str(folder))
    manifest = json.loads((folder / "manifest.json").read_text())

    def verified(**changed: object) -> str:
        (folder / "manifest.json").write_text(json.dumps({**manifest, **changed}))
        return day.run("audit", "verify", str(folder), expected=1)

    files = dict(manifest["files"])
    assert "manifest.json: names another request" in verified(request_id="FIN-PROD-02_99")
    (folder / "approval.pdf").write_bytes(b"I approved it")
    added = {**files, "approval.pdf": hashlib.sha256(b"I approved it").hexdigest()}
    assert "approval.pdf: was added" in verified(files=added)
    (folder / "approval.pdf").unlink()
    (folder / "pvwa_after.json").unlink()
    assert "pvwa_after.json: is missing" in verified(
        files={name: digest for name, digest in files.items() if name != "pvwa_after.json"}
    )


def test_what_is_no_evidence_is_told(day: Day, tmp_path: Path) -> None:
    """A folder in it, two files with one name in a zip, another format: findings, never a traceback."""
    folder = tmp_path / "evidence"
    day.run("evidence", key(day.approved), "--to", str(folder))
    (folder / "more").mkdir()
    assert "more: was added" in day.run("audit", "verify", str(folder), expected=1)
    (folder / "more").rmdir()
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    assert "is of format 99" in day.run("audit", "verify", str(folder), expected=1)

    day.run("evidence", key(day.approved), "--zip", "--to", str(tmp_path / "twice"))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(tmp_path / "twice.zip", "a") as opened:
        opened.writestr("summary.txt", "x")
    assert "two files with one name" in day.run("audit", "verify", str(tmp_path / "twice.zip"), expected=1)


def test_a_trail_is_held_against_the_ledger_on_any_host(day: Day, tmp_path: Path) -> None:
    """Where this host has written no file, too: a trail that was written anew is not this ledger's."""
    first, *rest = map(read, day.trail.read_bytes().splitlines())
    anew = [link(1, first.at, first.kind, {"n": "forged"}, GENESIS)]
    for line in rest:
        anew.append(link(line.seq, line.at, line.kind, line.event or {}, anew[-1].hash))
    forged = tmp_path / "anew.jsonl"
    forged.write_bytes(b"".join(line.to_bytes() for line in anew))
    assert f"has another line {anew[-1].seq}" in day.run("audit", "verify", str(forged), expected=1)
    longer = link(anew[-1].seq + 1, first.at, first.kind, {}, read(day.trail.read_bytes().splitlines()[-1]).hash)
    forged.write_bytes(day.trail.read_bytes() + longer.to_bytes())
    assert "lines were added, or an older ledger was restored" in day.run("audit", "verify", str(forged), expected=1)


def test_a_zip_is_checked_as_well(day: Day, tmp_path: Path) -> None:
    """The same files in one."""
    day.run("evidence", key(day.refused), "--zip", "--to", str(tmp_path / "evidence"))
    archive = tmp_path / "evidence.zip"
    assert "is whole" in day.run("audit", "verify", str(archive))
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("more.txt", "x")
    assert "was added" in day.run("audit", "verify", str(archive), expected=1)


def test_the_trail_is_verified_against_the_ledger(day: Day, tmp_path: Path) -> None:
    """Its end, too: a file that lost its last lines is not whole."""
    assert "is whole" in day.run("audit", "verify", str(day.trail))
    lines = day.trail.read_bytes().splitlines(keepends=True)
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(b"".join(lines[:-1]))
    said = day.run("audit", "verify", str(cut), expected=1)
    assert "cut off" in said
    found = json.loads(day.run("audit", "verify", "--json", str(cut), expected=1))
    assert found["whole"] is False
    assert found["end_checked"] is True
    assert found["last"] == len(lines) - 1


def test_an_end_that_could_not_be_checked_is_no_success(day: Day, tmp_path: Path) -> None:
    """Where a configuration is named, its ledger was to prove the end: a mistyped one must not pass in a cron job."""
    named = ("--config", str(tmp_path / "no.toml"))
    assert "NOT checked" in day.run("audit", "verify", str(day.trail), *named, expected=69)
    found = json.loads(day.run("audit", "verify", "--json", str(day.trail), *named, expected=69))
    assert (found["whole"], found["end_checked"]) == (True, False)


def test_no_body_and_no_secret_is_in_what_auditors_get(day: Day, tmp_path: Path) -> None:
    """Headers and hashes only."""
    folder = tmp_path / "evidence"
    day.run("evidence", key(day.approved), "--to", str(folder))
    everything = b"".join(path.read_bytes() for path in folder.iterdir()) + day.trail.read_bytes()
    assert b"Content-Type" not in everything
    assert b"Please confirm" not in everything
    assert b"Passw0rd" not in everything
