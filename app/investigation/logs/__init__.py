"""What logs say: lines are read in the dialects that programs write, put together to entries, masked to templates.

Nothing here asks for a log or knows a cluster; `app.investigation.collectors.logs` does. Text from logs is hostile and
may hold secrets: whoever keeps some of it redacts it. All of it takes linear time, whatever the bytes.
"""

from app.investigation.logs.dialects import Level, Line, read
from app.investigation.logs.entries import Entry, entries
from app.investigation.logs.reasons import Reason, reason
from app.investigation.logs.templates import Group, news, template
from app.investigation.logs.topics import TOPICS, Topic, target, topic

__all__ = [
    "TOPICS",
    "Entry",
    "Group",
    "Level",
    "Line",
    "Reason",
    "Topic",
    "entries",
    "news",
    "read",
    "reason",
    "target",
    "template",
    "topic",
]
