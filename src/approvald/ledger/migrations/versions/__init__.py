"""One file per revision; the number in front gives the order."""
