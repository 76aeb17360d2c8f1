"""C28: Services that lead nowhere though their workloads are well."""

from __future__ import annotations

from app.investigation.collectors.pods import presence
from app.investigation.collectors.services import selection
from app.investigation.model import Cause, Noise, Playbook
from storage.records import Priority

PLAYBOOK = Playbook(
    id="C28",
    title="Service without endpoints",
    signals=("service-no-endpoints",),
    collectors=(selection, presence),
    causes=(
        Cause(
            "selector",
            "Service {service} selects {selector}, which nothing carries: {near}",
            requires=("service.selects-nothing",),
            commands=("kubectl --context {context} --namespace {ns} get pods --show-labels",),
        ),
        Cause(
            "port",
            "Service {service} leads to port {port}, which no container names",
            requires=("service.port-unknown",),
        ),
        Cause("pods-unready", "none of the pods behind Service {service} is ready", requires=("service.pods-unready",)),
    ),
    noise=(Noise("its workload is scaled to zero", ("workload.scaled-to-zero",)),),
    commands=(
        "kubectl --context {context} --namespace {ns} describe service {subject}",
        "kubectl --context {context} --namespace {ns} get endpointslices "
        "--selector kubernetes.io/service-name={subject}",
    ),
    priority=Priority.P2,
    leads=40,
)
