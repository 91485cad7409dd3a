"""The world the pretend systems share, and mails as they arrive in it."""
