"""The vocabulary of every room: values, ports, errors, alarms, clock, log lines. Imports no other room."""
