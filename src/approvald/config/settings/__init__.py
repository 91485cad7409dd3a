"""Every option of approvald, with its default and its limits."""
