"""What an auditor is given about one request: a folder that can be checked without approvald's ledger."""
