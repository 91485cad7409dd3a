"""approvald confirms CyberArk dual-control requests from approval mail.

Read `mail/pipeline.py` first: it is one mail from intake to reply.
"""

__version__ = "0.1.0"
