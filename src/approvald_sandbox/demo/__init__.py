"""The demo: stories played on the sandbox with approvald as a process."""
