"""The state of the outside systems: breakers, outages, alarms, uptime."""
