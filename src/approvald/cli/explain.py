"""`approvald explain`: what intake, sender proof and parser make of a mail file. Asks no server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click

from approvald.cli.context import config_option, read_settings
from approvald.mail.explain import Explanation, explain, sender_words
from approvald.mail.reader.process import Reader
from approvald.mail.rules import explain_rules, reading_task

_MEANINGS: Final = {
    "parsed": "a forwarded notification; PVWA would be asked for this request",
    "incomplete": "a forwarded notification that cannot be used; the sender would be told why",
    "ambiguous": "a mail that contradicts itself; the sender would be told so",
    "not_a_request": "not a forwarded notification; it would be filed unanswered",
    "auto_mail": "not sent by a human; it would be filed unanswered",
}


@click.command("explain")
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@click.option(
    "--item-class",
    default="IPM.Note",
    show_default=True,
    metavar="CLASS",
    help="The class that Exchange gives the mail.",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def command(*, file: Path, as_json: bool, item_class: str) -> None:
    """Show how approvald reads the mail in FILE (.eml), whoever sent it.

    Reads only the file and the configuration: neither Exchange, the directory nor PVWA is asked.
    """
    settings = read_settings()
    rules = explain_rules(settings)
    raw = file.read_bytes()
    with Reader(reading_task(settings)) as reader:
        explanation = explain(raw, item_class, rules, reader.read)
    if as_json:
        click.echo(json.dumps(explanation, ensure_ascii=True))
    else:
        click.echo(_screen(explanation, sender_words(raw, rules)))


def _screen(explanation: Explanation, sender: str) -> str:
    missing = explanation["missing"]
    rows = {
        "reading": f"{explanation['reading']}: {_MEANINGS[str(explanation['reading'])]}",
        "why": explanation["why"],
        "missing": ", ".join(missing) if missing else None,
        "requestor": explanation["requestor"],
        "safe": explanation["safe"],
        "request number": explanation["request_number"],
        "sender": sender,
    }
    return "\n".join(f"{name:<15} {value}" for name, value in rows.items() if value)
