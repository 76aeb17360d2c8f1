"""C4: containers that cannot be created, or end again and again."""

from __future__ import annotations

from app.investigation.container_causes import CAUSES, COLLECTORS, DESCRIBE, PREVIOUS
from app.investigation.model import Noise, Playbook
from storage.records import Priority

PLAYBOOK = Playbook(
    id="C4",
    title="Containers do not start or stay up",
    signals=("pod-crashloopbackoff", "pod-restart-spike", "container-config-error"),
    collectors=COLLECTORS,
    causes=CAUSES,
    noise=(
        Noise("one restart, and well for half an hour since", ("restart.single",), unless=("container.oom-killed",)),
    ),
    commands=(DESCRIBE, PREVIOUS),
    priority=Priority.P3,
    leads=50,
)
