"""Why containers do not start, stay up or get ready: causes that several classes share, and who collects for them."""

from __future__ import annotations

from app.investigation.collectors.containers import EXITS, creation, exits, kills, single_restarts
from app.investigation.collectors.init_containers import init_containers
from app.investigation.collectors.logs import REASONS, log_news, named_dependency, reasons
from app.investigation.collectors.memory import memory_limits, memory_usage, node_memory
from app.investigation.collectors.probes import failing_probes, probe_answers, slow_starts
from app.investigation.collectors.references import missing_references, reference_events
from app.investigation.collectors.symptoms import symptoms
from app.investigation.logs import TOPICS
from app.investigation.model import Cause, Scope

UNDO = "kubectl --context {context} --namespace {ns} rollout undo --dry-run=server {kind}/{name}"
"""The flag stands before the name: a line that is cut must not lose it."""
HISTORY = "kubectl --context {context} --namespace {ns} rollout history {kind}/{name} --revision={revision}"
DESCRIBE = "kubectl --context {context} --namespace {ns} describe pod {pod}"
PREVIOUS = "kubectl --context {context} --namespace {ns} logs {pod} --container {container} --previous --tail=100"
LOGS = "kubectl --context {context} --namespace {ns} logs {pod} --container {container} --tail=100"
REFERENCE = "kubectl --context {context} --namespace {ns} get {refkind} {refname}"
ENDPOINTS = (
    "kubectl --context {context} --namespace {ns} get endpointslices --selector kubernetes.io/service-name={service}"
)
SPECIFIED = "kubectl --context {context} --namespace {ns} get {kind} {name} --output jsonpath="
"""To be followed by a JSONPath, in which braces are doubled."""

ANYWHERE = (Scope.WORKLOAD, Scope.POD, Scope.NAMESPACE)
ENDED = tuple(name for name in EXITS if name != "container.oom-killed")
FAILED = (*ENDED, "init.waiting")

MEMORY_CAUSES = (
    Cause(
        "memory-limit-lowered",
        "revision {revision} changed the memory limit of {container} from {before} to {after}",
        requires=("container.oom-killed", "change.memory-limit"),
        supports=("memory.at-limit", "change.only-new-pods-fail"),
        contradicts=("change.old-pods-fail", "memory.below-limit"),
        scopes=(Scope.REVISION, Scope.WORKLOAD),
        points=70,
        commands=(UNDO, HISTORY),
    ),
    Cause(
        "memory-leak",
        "container {container} leaks memory: it grows by {growth} up to its limit of {limit}",
        requires=("container.oom-killed", "memory.growing"),
        supports=("memory.at-limit", "change.rollout"),
        contradicts=("memory.at-start", "node.memory-pressure", "memory.below-limit"),
        scopes=(Scope.WORKLOAD, Scope.POD, Scope.REVISION),
        points=65,
    ),
    Cause(
        "memory-node",
        "node {node} is short of memory; container {container} was not near a limit of its own",
        requires=("container.oom-killed",),
        any_of=("node.memory-pressure", "node.other-victims"),
        supports=("memory.no-limit", "memory.below-limit"),
        contradicts=("memory.at-limit", "memory.at-start", "node.memory-well"),
        scopes=(Scope.NODE, Scope.POD),
        points=55,
        commands=("kubectl --context {context} describe node {node}",),
    ),
    Cause(
        "memory-release",
        "revision {revision} needs more memory than the limit of {limit}, {change}",
        requires=("container.oom-killed", "memory.limit", "change.rollout", "change.only-new-pods-fail"),
        supports=("memory.at-limit", "memory.at-start"),
        contradicts=("change.old-pods-fail", "change.memory-limit", "memory.below-limit", "node.memory-pressure"),
        scopes=(Scope.REVISION,),
        points=70,
        commands=(UNDO,),
    ),
    Cause(
        "memory-traffic",
        "more requests than usual need more memory than the limit of {limit}",
        requires=("container.oom-killed", "memory.limit", "signal.surge"),
        supports=("memory.at-limit",),
        contradicts=("memory.at-start", "memory.growing", "memory.below-limit", "node.memory-pressure"),
        scopes=(Scope.WORKLOAD,),
        points=60,
    ),
    Cause(
        "memory-limit-too-small",
        "the memory limit of {limit} is too small for container {container}",
        requires=("container.oom-killed", "memory.limit"),
        supports=("memory.at-limit", "memory.at-start", "node.memory-well", "log.last-words"),
        contradicts=(
            "memory.growing",
            "memory.below-limit",
            "node.memory-pressure",
            "node.other-victims",
            "signal.surge",
        ),
        scopes=ANYWHERE,
        points=60,
        commands=(
            "kubectl --context {context} --namespace {ns} top pod {pod} --containers",
            SPECIFIED + "'{{..resources}}'",
        ),
    ),
)

CREATION_CAUSES = (
    Cause(
        "missing-reference",
        "{reference} does not exist",
        requires=("container.cannot-create", "reference.missing"),
        supports=("reference.told", "reference.agrees", "change.rollout"),
        scopes=(Scope.REVISION, Scope.WORKLOAD, Scope.POD),
        commands=(REFERENCE,),
    ),
    Cause(
        "missing-key",
        "{reference} has no key {key}",
        requires=("container.cannot-create", "reference.key-missing"),
        supports=("reference.agrees", "change.rollout"),
        scopes=(Scope.REVISION, Scope.WORKLOAD, Scope.POD),
        commands=("kubectl --context {context} --namespace {ns} describe {refkind} {refname}",),
    ),
    Cause(
        "new-reference",
        "{reference} is missing or lacks a key: only the pods that cannot start refer to it",
        requires=("container.cannot-create", "reference.new"),
        supports=("change.rollout",),
        scopes=(Scope.REVISION, Scope.WORKLOAD),
        commands=(REFERENCE, SPECIFIED + "'{{..env}}{{..envFrom}}'"),
    ),
    Cause(
        "bad-command",
        "container {container} cannot run {command}: {problem}",
        requires=("command.not-found",),
        any_of=("container.cannot-start", "container.cannot-create"),
        supports=("change.rollout",),
        scopes=(Scope.REVISION, Scope.WORKLOAD, Scope.POD),
        points=65,
    ),
    Cause(
        "other-platform",
        "the image {image} is built for another architecture than the node's",
        requires=("image.other-platform",),
        any_of=("container.cannot-start", "container.cannot-create", "container.exit"),
        supports=("change.image",),
        scopes=(Scope.REVISION, Scope.WORKLOAD, Scope.NODE),
        points=65,
    ),
    Cause(
        "cannot-create",
        "container {container} cannot be created as it is specified: {reason}",
        requires=("container.cannot-create",),
        supports=("change.rollout",),
        contradicts=(
            "reference.missing", "reference.key-missing", "reference.new", "command.not-found", "image.other-platform",
        ),
        scopes=(Scope.REVISION, Scope.WORKLOAD),
        points=45,
    ),
)  # fmt: skip

PROBE_ANSWERS = ("probe.status", "probe.refused", "probe.timeout", "probe.no-route", "probe.command")
PROBE_CAUSES = (
    Cause(
        "probe-changed",
        "revision {revision} changed how the container is probed: {change}",
        requires=("change.probe",),
        any_of=("probe.failing", "kill.by-kubelet"),
        supports=(*PROBE_ANSWERS, "change.only-new-pods-fail"),
        contradicts=("change.old-pods-fail",),
        scopes=(Scope.REVISION, Scope.WORKLOAD),
        points=65,
        commands=(UNDO, HISTORY),
    ),
    Cause(
        "probe-wrong-port",
        "the {kind_of_probe} probe knocks at port {port}, where container {container} does not listen ({ports})",
        requires=("probe.undeclared-port",),
        any_of=("probe.refused", "probe.failing"),
        supports=("probe.refused", "change.rollout"),
        contradicts=("probe.status",),
        scopes=(Scope.REVISION, Scope.WORKLOAD),
        points=60,
        commands=(HISTORY,),
    ),
)

KILL_CAUSES = (
    Cause(
        "slow-start",
        "container {container} takes longer to start than its liveness probe allows ({grace})",
        requires=("kill.by-kubelet", "probe.slow-start"),
        supports=("kill.liveness", "change.rollout"),
        contradicts=("container.oom-killed", "signal.throttled"),
        scopes=(Scope.REVISION, Scope.WORKLOAD),
        points=65,
    ),
    Cause(
        "starved",
        "container {container} gets too little CPU to answer its probe in time",
        requires=("kill.by-kubelet", "signal.throttled"),
        supports=("kill.liveness", "probe.timeout"),
        contradicts=("container.oom-killed", "probe.refused"),
        scopes=(Scope.WORKLOAD, Scope.NODE, Scope.POD),
        points=65,
    ),
    Cause(
        "liveness-kill",
        "the kubelet kills container {container}: its liveness probe fails",
        requires=("kill.by-kubelet",),
        any_of=ENDED,
        supports=("kill.liveness", *PROBE_ANSWERS),
        contradicts=("probe.slow-start", "signal.throttled", "change.probe"),
        scopes=ANYWHERE,
        points=60,
    ),
)

RELEASE_UNSEEN = Cause(
    "release-unseen",
    "revision {revision} came shortly before, {change}; why its pods fail cannot be seen",
    requires=("change.rollout", "change.pods-unseen"),
    supports=("change.only-new-pods-fail",),
    contradicts=("change.old-pods-fail",),
    scopes=(Scope.REVISION,),
    points=45,
    commands=(UNDO, HISTORY),
)
"""What is left to say where pods may not be read: Deployments and ReplicaSets still tell of the rollout."""

RELEASE_CAUSES = (
    RELEASE_UNSEEN,
    Cause(
        "release",
        "revision {revision} fails, {change}: {why}",
        requires=("change.rollout", "change.only-new-pods-fail"),
        any_of=(*REASONS, *ENDED),
        contradicts=("kill.by-kubelet",),
        scopes=(Scope.REVISION,),
        commands=(UNDO, HISTORY),
    ),
    Cause(
        "rollout-before",
        "revision {revision} was rolled out shortly before, {change}: {why}",
        requires=("change.rollout", "change.none-left"),
        any_of=(*REASONS, *ENDED),
        scopes=(Scope.REVISION, Scope.WORKLOAD),
        points=45,
        commands=(UNDO, HISTORY),
    ),
)
"""The first where older pods that are well prove it; the second where none are left to compare with."""

ENVIRONMENT = frozenset(("certificate", "disk-full", "descriptors", "credentials", "dependency"))
"""What happens around a program: it fails for these after a rollout just as well as without one."""

DEPENDENCY_CAUSES = (
    Cause(
        "dependency-down",
        "Service {address} has no ready endpoint: {line}",
        requires=("log.dependency", "dependency.no-endpoints"),
        contradicts=("change.only-new-pods-fail",),
        scopes=ANYWHERE,
        points=65,
        commands=(ENDPOINTS,),
    ),
    Cause(
        "dependency-missing",
        "there is no Service {target}: {line}",
        requires=("log.dependency", "dependency.no-service"),
        contradicts=("change.only-new-pods-fail",),
        scopes=ANYWHERE,
        points=65,
        commands=("kubectl --context {context} --namespace {ns} get services",),
    ),
)

TOPIC_CAUSES = tuple(
    Cause(
        each.id,
        f"container {{container}} fails because {each.words}: {{line}}",
        requires=(f"log.{each.id}",),
        any_of=FAILED,
        supports=("change.no-rollout",),
        contradicts=(
            "change.only-new-pods-fail" if each.id in ENVIRONMENT else "change.suspect",
            *(("dependency.no-endpoints", "dependency.no-service") if each.id == "dependency" else ()),
        ),
        scopes=ANYWHERE,
        points=50,
    )
    for each in TOPICS
)
"""What the words of a failed run are about."""

EXIT_CAUSES = (
    Cause(
        "application-error",
        "container {container} fails: {line}",
        requires=("log.error",),
        any_of=FAILED,
        supports=("change.no-rollout",),
        contradicts=("change.suspect", "kill.by-kubelet"),
        scopes=ANYWHERE,
        points=50,
    ),
    Cause(
        "exits-by-design",
        "container {container} ends as if it were done (exit code 0): nothing keeps it running",
        requires=("container.exit-zero",),
        contradicts=("kill.by-kubelet", *REASONS),
        scopes=(Scope.WORKLOAD, Scope.REVISION),
    ),
    Cause(
        "bad-start",
        "container {container} could not be started (code {code}): its command, its entrypoint or their permissions",
        requires=("container.cannot-start",),
        contradicts=("command.not-found", "image.other-platform", "log.file-permission", "log.configuration"),
        scopes=(Scope.WORKLOAD, Scope.REVISION),
    ),
    Cause(
        "unexplained-exit",
        "container {container} {way} (code {code}): {words}",
        any_of=("container.exit", "container.crashed", "container.killed", "container.stopped", "container.lost"),
        supports=("log.last-words",),
        contradicts=(*REASONS, "kill.by-kubelet", "change.suspect"),
        scopes=ANYWHERE,
        points=40,
    ),
)

CAUSES = (
    *MEMORY_CAUSES, *CREATION_CAUSES, *PROBE_CAUSES, *KILL_CAUSES, *RELEASE_CAUSES, *DEPENDENCY_CAUSES, *TOPIC_CAUSES,
    *EXIT_CAUSES,
)  # fmt: skip
"""Of containers that do not start or stay up."""

COLLECTORS = (
    exits, single_restarts, init_containers, creation, kills, missing_references, reference_events, memory_limits,
    memory_usage, node_memory, failing_probes, probe_answers, slow_starts, reasons, log_news, named_dependency,
    symptoms,
)  # fmt: skip
"""Who tells what these causes refer to, besides what every class collects."""
