"""Reading mails in a process of its own, with limits and no password near it."""
