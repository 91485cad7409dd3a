"""JSON lines for operators: one event per line, from a fixed vocabulary of events and fields.

Lines go to a file that logrotate may move away, and to stderr. Every line about a mail carries its `mail_id`. What
libraries log passes the same formatter. No line holds a registered secret, and no value can forge a second line.
"""
