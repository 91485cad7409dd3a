"""The mail door: from the Inbox to a reply and a folder. Start with pipeline.py."""
