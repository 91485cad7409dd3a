"""One wish to approve, from PVWA's record to its outcome, whichever door it came through."""
