"""C6: containers killed for memory."""

from __future__ import annotations

from app.investigation.collectors.containers import exits
from app.investigation.collectors.logs import reasons
from app.investigation.collectors.memory import memory_limits, memory_usage, node_memory
from app.investigation.collectors.symptoms import symptoms
from app.investigation.container_causes import DESCRIBE, MEMORY_CAUSES, PREVIOUS, RELEASE_UNSEEN
from app.investigation.model import Playbook
from storage.records import Priority

PLAYBOOK = Playbook(
    id="C6",
    title="Killed for memory",
    signals=("pod-oomkilled",),
    collectors=(exits, memory_limits, memory_usage, node_memory, reasons, symptoms),
    causes=(*MEMORY_CAUSES, RELEASE_UNSEEN),
    commands=(DESCRIBE, PREVIOUS),
    priority=Priority.P3,
    leads=55,
)
