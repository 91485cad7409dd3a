"""A directory that behaves like Active Directory, made live from the world."""
