"""Reads from a raw mail what the forwarded notification says. Pure, and never raises.

views (MIME) -> html (text, hidden text) -> fields (labelled lines) -> agree (one value each, or a refusal).
"""
