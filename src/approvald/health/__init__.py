"""How the systems outside are doing: breakers, outages, alarms, uptime."""
