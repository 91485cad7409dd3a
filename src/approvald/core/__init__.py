"""The words everybody uses: values, ports, errors, alarms, clock, log lines. Imports no other room."""
