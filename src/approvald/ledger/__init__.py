"""The ledger: approvald's own memory of each mail and each request, one transaction per step.

    seen -> decided -> (challenged | confirming) -> outcome -> replying -> replied -> filed

SQLAlchemy Core on an SQLite file. Design.md section 4 says what a crash after each step costs. No text of a mail and no
secret is ever in it. Every method raises `LedgerAway` when the file cannot be used: then nothing is
confirmed.
"""
