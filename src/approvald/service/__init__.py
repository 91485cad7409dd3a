"""The running program: wiring, the loop, the lease's standby, signals."""
