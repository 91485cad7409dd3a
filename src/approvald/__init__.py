"""approvald confirms CyberArk dual-control requests from approval mail.

Read `mail/pipeline.py` first: it is one mail from intake to reply.
"""

from typing import Final

__version__: Final = "0.1.0"
