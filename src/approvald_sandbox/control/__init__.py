"""The sandbox as a process, and the control API a test or the demo talks to."""
