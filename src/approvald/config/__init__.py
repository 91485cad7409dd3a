"""The configuration: a TOML file becomes checked, frozen settings."""
