"""The MAPI properties that approvald reads and writes (MS-OXPROPS; exchange-ews 4 and 5, mail-security A.3)."""

from __future__ import annotations

from typing import Final

from exchangelib import ExtendedProperty, Message
from exchangelib.fields import InvalidField


class SenderAddress(ExtendedProperty):  # type: ignore[misc]  # exchangelib has no types
    """PidTagSenderSmtpAddress: who sent the mail, resolved by Exchange."""

    FIELD = "approvald_sender_address"
    property_tag = 0x5D01
    property_type = "String"


class FromAddress(ExtendedProperty):  # type: ignore[misc]  # exchangelib has no types
    """PidTagSentRepresentingSmtpAddress: on whose behalf it was sent, resolved by Exchange."""

    FIELD = "approvald_from_address"
    property_tag = 0x5D02
    property_type = "String"


class AutoForwarded(ExtendedProperty):  # type: ignore[misc]  # exchangelib has no types
    """PidTagAutoForwarded: a rule forwarded it."""

    FIELD = "approvald_auto_forwarded"
    property_tag = 0x0005
    property_type = "Boolean"


class Marker(ExtendedProperty):  # type: ignore[misc]  # exchangelib has no types
    """Our own header: marks a mail as ours, and tells one from another."""

    FIELD = "approvald_marker"
    distinguished_property_set_id = "InternetHeaders"
    property_name = "X-Approvald"
    property_type = "String"


class AutoSubmitted(ExtendedProperty):  # type: ignore[misc]  # exchangelib has no types
    """RFC 3834's header: this mail was written by a program."""

    FIELD = "approvald_auto_submitted"
    distinguished_property_set_id = "InternetHeaders"
    property_name = "Auto-Submitted"
    property_type = "String"


class AutoResponseSuppress(ExtendedProperty):  # type: ignore[misc]  # exchangelib has no types
    """The header that asks Exchange servers elsewhere to send no automatic answer."""

    FIELD = "approvald_suppress_header"
    distinguished_property_set_id = "InternetHeaders"
    property_name = "X-Auto-Response-Suppress"
    property_type = "String"


class AutoResponseSuppressTag(ExtendedProperty):  # type: ignore[misc]  # exchangelib has no types
    """PidTagAutoResponseSuppress: the same for this Exchange; -1 is all kinds of answer."""

    FIELD = "approvald_suppress_tag"
    property_tag = 0x3FDF
    property_type = "Integer"


WRITTEN: Final = (Marker, AutoSubmitted, AutoResponseSuppress, AutoResponseSuppressTag)


def register_properties() -> None:
    """Make the written properties known to exchangelib's Message, which is one for the whole process."""
    for each in WRITTEN:
        try:
            Message.get_field_by_fieldname(each.FIELD)
        except InvalidField:
            Message.register(each.FIELD, each)
