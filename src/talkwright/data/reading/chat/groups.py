"""What ties a row to others: the id of a person or of a thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from talkwright.config import Columns
from talkwright.data.reading.chat.contacts import CONTACTS, contact_of
from talkwright.data.reading.chat.speakers import plain_name

# The widest first: whoever keeps a user together keeps the user's threads together.
GROUP_NAMES = """
    group groupid userid customerid threadid conversationid sessionid chatid dialogueid dialogid
    messagetreeid
""".split()  # noqa: SIM905
# Names of a person that come before the threads', and of threads that come last. In a table of messages
# they may be of whoever sent one.
PERSONS = """
    hasheduserid userhash contactid memberid patientid studentid visitorid
    guestid personid subscriberid playerid participantid requesterid accountid anonymousid deviceid
    hashedip userip clientip ipaddress username
""".split()  # noqa: SIM905
THREADS = "conversationhash convid convoid ticketid caseid callid".split()  # noqa: SIM905
_USERS = GROUP_NAMES.index("threadid")
_ORDER = (*GROUP_NAMES[:_USERS], *PERSONS, *CONTACTS, *GROUP_NAMES[_USERS:], *THREADS)


def group_of(value: Mapping[str, Any], keys: Mapping[str, Any], columns: Columns) -> str | None:
    """What ties the row to others: a user's or a thread's id."""
    names = [columns.group] if columns.group else [keys[name] for name in _ORDER if name in keys]
    for name in names:
        found = value.get(name)
        if not columns.group and plain_name(str(name)) in CONTACTS:
            found = contact_of(found)
        if isinstance(found, (str, int)) and not isinstance(found, bool):
            try:
                text = str(found).strip()
            except ValueError:  # more digits than Python converts
                continue
            if text:
                return text[:200]
    return None
