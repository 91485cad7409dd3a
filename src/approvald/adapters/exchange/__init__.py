"""Exchange over EWS, by exchangelib: the adapter of `ports.Mailbox`.

    mailbox.py      ExchangeMailbox: the port, one method an act of the daemon
    folders.py      the ids of Done, Refused, Ignored, Quarantine
    messages.py     EWS elements to our words, and our replies to EWS
    properties.py   the MAPI properties that are read and written
    fetch.py        whole mails, in batches that stay within a size
    calls.py        the EWS requests that are sent, each exactly once
    connection.py   one account for life: secret, lock-out guard, HTTP, translation of every error
    failures.py     what each failure means: nothing was done, or perhaps, or no telling

exchangelib guesses, retries and parses more than a daemon wants. Here it writes the requests and carries them; what is
guessed is pinned, nothing is sent twice, and answers are read as plain XML elements.
"""
