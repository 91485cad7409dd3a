"""What happened to each mail and each request: approvald's own memory, one transaction a step.

    seen -> decided -> (challenged | confirming) -> outcome -> replying -> replied -> filed

SQLAlchemy Core on an SQLite file. Design.md section 4 says what a crash after each step costs. No text of a mail and no
secret is ever in it. Every method raises `Unavailable` (System.LEDGER) when the file cannot be used: then nothing is
confirmed.
"""
