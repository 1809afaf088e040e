"""A customer's address or number beside a row: it says whose talk it is, and is itself never kept.

In its place stands a pseudonym, which is the same for all rows of the customer.
"""

from __future__ import annotations

import re
from typing import Any

from talkwright.data.reading.chat.speakers import plain_name
from talkwright.types import content_id

CONTACTS = """
    email emailaddress customeremail useremail clientemail contactemail phone phonenumber telephone
    mobile customerphone userphone clientphone contactphone msisdn contact
""".split()  # noqa: SIM905
_BEGIN = "contact-"
_INSIDE = (
    "id",
    "contactid",
    "customerid",
    "userid",
    "email",
    "emailaddress",
    "phone",
    "phonenumber",
    "mobile",
)
_MAIL = re.compile(
    r"(?:[^<>@]{0,100}<)?\s{0,9}([^@\s<>]{1,64}@[^@\s<>]{1,200}\.[^\W\d_]{2,20})\s{0,9}>?"
)
_PHONE = re.compile(r"(?:\+|00)?[\d\s()./-]{7,24}")


def contact_of(value: Any) -> str | None:
    """The pseudonym for whoever an e-mail address, a telephone number, or an object with one of these or
    an id stands for; None for anything else."""
    if isinstance(value, dict):
        keys = {plain_name(str(key)): key for key in reversed(value)}
        for name in _INSIDE:
            held = value.get(keys.get(name))
            found = pseudonym(str(held)) if name.endswith("id") and _is_id(held) else contact_of(held)
            if found is not None and not isinstance(held, dict):
                return found
        return None
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        return None
    text = str(value)[:300].strip() if isinstance(value, str) or abs(value) < 10**16 else ""
    if (mail := _MAIL.fullmatch(text)) is not None:
        return pseudonym(mail[1].lower())
    digits = re.sub(r"\D", "", text)
    if 7 <= len(digits) <= 15 and _PHONE.fullmatch(text):
        return pseudonym(digits.removeprefix("00"))
    return None


def pseudonym(text: str) -> str:
    """What stands for a customer in place of an address, a number or an id."""
    return f"{_BEGIN}{content_id(text)}"


def is_contact(group: str) -> bool:
    """Say whether a group is one by a customer's address or number."""
    return group.startswith(_BEGIN)


def _is_id(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**16
