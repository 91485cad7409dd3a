"""The pretend CyberArk PVWA: its REST routes, its dual-control rules, and the ways real installations differ."""
