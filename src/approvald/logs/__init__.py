"""JSON lines for operators: one event a line, from a fixed vocabulary of events and fields.

Lines go to a file that logrotate may move away, and to stderr. Every line of a mail carries its `mail_id`. What
libraries log passes the same formatter. No line holds a registered secret, and no value can forge a second line.
"""

from approvald.logs.events import Event, Fields, event, mail
from approvald.logs.handlers import set_up, tear_down
from approvald.logs.redaction import register_secret, without_secrets, without_secrets_in_trace

__all__ = [
    "Event",
    "Fields",
    "event",
    "mail",
    "register_secret",
    "set_up",
    "tear_down",
    "without_secrets",
    "without_secrets_in_trace",
]
