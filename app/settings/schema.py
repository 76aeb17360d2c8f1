"""Every setting there is: its type, its default, what is allowed and what it means.

The settings file, `tocsin settings`, the settings screen and `docs/settings.md` all follow from these declarations.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from app.notify.settings import NotifySettings
from app.sources.prometheus.connection import PrometheusConnection


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One table of the settings file."""


class KubernetesSettings(Section, frozen=True):
    """Which cluster, and how far into it."""

    enabled: Annotated[bool, Meta(description="Read the Kubernetes API; off works from Prometheus alone.")] = True
    kubeconfig: Annotated[str, Meta(description="Path of the kubeconfig; empty: KUBECONFIG, then ~/.kube/config.")] = ""
    context: Annotated[str, Meta(description="Context of the kubeconfig; empty: its current one.")] = ""
    namespaces: Annotated[
        tuple[str, ...],
        Meta(description="Namespaces to list one by one where the cluster-wide list is forbidden."),
    ] = ()
    kubelets: Annotated[
        bool,
        Meta(
            description="Ask the kubelets for their statistics (get on nodes/proxy) where nothing else tells of "
            "CPU throttling, network, disks and volumes."
        ),
    ] = True


class ScopeSettings(Section, frozen=True):
    """What is watched; an empty list means everything. Shell patterns (`team-*`) are allowed."""

    cluster: Annotated[
        str,
        Meta(description="This cluster's name in a Prometheus that holds several; empty: the context's name."),
    ] = ""
    services: Annotated[tuple[str, ...], Meta(description="Workload names.")] = ()
    namespaces: Annotated[tuple[str, ...], Meta(description="Namespaces.")] = ()
    environments: Annotated[tuple[str, ...], Meta(description="Environments (prod, staging, ...).")] = ()
    exclude_namespaces: Annotated[tuple[str, ...], Meta(description="Namespaces that are never watched.")] = ()
    exclude_services: Annotated[
        tuple[str, ...],
        Meta(description="Workloads that are never watched: names, or `namespace/name` for those of one namespace."),
    ] = ()
    environment_of: Annotated[
        dict[str, str],
        Meta(description="Namespace pattern -> environment, where labels and names do not tell."),
    ] = msgspec.field(default_factory=dict)


class DetectionSettings(Section, frozen=True):
    """What counts as abnormal. There are no thresholds per service: these hold for all."""

    baseline_minutes: Annotated[
        int, Meta(ge=5, le=30, description="What is normal: minutes before the evaluation window.")
    ] = 30
    evaluation_minutes: Annotated[
        int, Meta(ge=1, le=10, description="What is judged; at most half of the baseline.")
    ] = 5
    step_seconds: Annotated[
        int, Meta(ge=15, le=300, description="The time grid of all queries; at least the scrape interval.")
    ] = 60
    false_discovery_rate: Annotated[
        float,
        Meta(gt=0, le=0.2, description="Share of false findings tolerated among what one source told in a cycle."),
    ] = 0.01
    disabled_signals: Annotated[
        tuple[str, ...], Meta(description="Rows of the coverage matrix that are switched off, by id.")
    ] = ()


class BudgetSettings(Section, frozen=True):
    """What one query may cost the metrics server. Costs are measured first; a row that had to be thinned says so."""

    part_series: Annotated[
        int, Meta(ge=1_000, le=10_000_000, description="Series above which a query is asked in parts, one at a time.")
    ] = 200_000
    part_samples: Annotated[
        int, Meta(ge=100_000, le=10_000_000_000, description="The same in samples of the whole window.")
    ] = 50_000_000
    most_series: Annotated[
        int,
        Meta(
            ge=1_000,
            le=10_000_000,
            description="Series above which a query is thinned: to fewer histogram bounds, to the busiest entities.",
        ),
    ] = 1_000_000
    most_samples: Annotated[
        int, Meta(ge=100_000, le=10_000_000_000, description="The same in samples of the whole window.")
    ] = 250_000_000


class EngineSettings(Section, frozen=True):
    """How often, and how findings live and die."""

    interval_seconds: Annotated[float, Meta(ge=5, le=600, description="Seconds between two cycles.")] = 15.0
    clean_passes: Annotated[
        int, Meta(ge=1, le=20, description="Evaluations back in band before an anomaly closes.")
    ] = 3
    grouping_minutes: Annotated[
        float, Meta(ge=0, le=60, description="Anomalies of one workload this close in onset are one investigation.")
    ] = 10.0
    reopen_minutes: Annotated[
        float, Meta(ge=0, le=240, description="An anomaly that comes back this soon reopens instead of starting anew.")
    ] = 30.0


class StoreSettings(Section, frozen=True):
    """What is kept, where and for how long."""

    path: Annotated[str, Meta(description="The database; empty: tocsin.db in the platform's data folder.")] = ""
    retention_days: Annotated[
        int, Meta(ge=1, le=3650, description="Closed investigations are forgotten after this many days.")
    ] = 90
    label_days: Annotated[
        int, Meta(ge=1, le=3650, description="Labelled ones are kept longer: they are what Tocsin learns from.")
    ] = 730


class QualitySettings(Section, frozen=True):
    """What the detectors are to reach here, by your labels and recorded incidents."""

    days: Annotated[int, Meta(ge=1, le=365, description="How far back the quality screen looks.")] = 30
    precision: Annotated[
        float, Meta(ge=0, le=1, description="Share of labelled investigations that are true, at least.")
    ] = 0.85
    recall: Annotated[float, Meta(ge=0, le=1, description="Share of recorded incidents that are found, at least.")] = (
        0.70
    )
    detection_minutes: Annotated[
        float, Meta(gt=0, le=240, description="Minutes from an incident's begin until it is told, at most.")
    ] = 5.0
    alerts_per_day: Annotated[
        float, Meta(gt=0, le=1000, description="Investigations a day that ask for somebody, at most.")
    ] = 5.0
    fewest_labels: Annotated[
        int, Meta(ge=2, le=100, description="Labels below which no precision is told: too few say nothing.")
    ] = 5


class ConsoleSettings(Section, frozen=True):
    """How it looks and feels."""

    theme: Annotated[
        str, Meta(description="A Textual theme name; `tocsin` is ours, `ansi-dark` follows the terminal.")
    ] = "tocsin"
    time_zone: Annotated[str, Meta(description="IANA zone of the times on screen, or `local`, or `UTC`.")] = "local"
    mouse: Annotated[bool, Meta(description="Off leaves the mouse to the terminal, for selecting text.")] = True
    motion: Annotated[Literal["none", "basic", "full"], Meta(description="Animations of the interface.")] = "none"
    keys: Annotated[dict[str, str], Meta(description="Action id -> keys (comma separated), to rebind an action.")] = (
        msgspec.field(default_factory=dict)
    )


class NarrativeSettings(Section, frozen=True):
    """A language model that may put a ledger into words. Off while `url` is empty; it decides nothing."""

    url: Annotated[
        str, Meta(description="Address of an OpenAI-compatible API, up to and with /v1; empty: off, nothing is sent.")
    ] = ""
    model: Annotated[str, Meta(description="The model's name.")] = ""
    key_env: Annotated[str, Meta(description="Environment variable that holds the key.")] = ""
    key_file: Annotated[str, Meta(description="File that holds the key.")] = ""
    key_keyring: Annotated[str, Meta(description="`service/name` of the key in the system keyring.")] = ""
    timeout: Annotated[float, Meta(gt=0, le=600, description="Seconds to wait for its answer.")] = 60.0


class Settings(Section, frozen=True):
    """The whole settings file."""

    prometheus: PrometheusConnection = PrometheusConnection()
    kubernetes: KubernetesSettings = KubernetesSettings()
    scope: ScopeSettings = ScopeSettings()
    detection: DetectionSettings = DetectionSettings()
    engine: EngineSettings = EngineSettings()
    budget: BudgetSettings = BudgetSettings()
    store: StoreSettings = StoreSettings()
    quality: QualitySettings = QualitySettings()
    console: ConsoleSettings = ConsoleSettings()
    notify: NotifySettings = NotifySettings()
    narrative: NarrativeSettings = NarrativeSettings()

    def __post_init__(self) -> None:
        d = self.detection
        if 3600 % d.step_seconds:
            raise ValueError(
                f"detection.step_seconds is {d.step_seconds}: it must divide an hour (15, 20, 30, 60, 120, ...)"
            )
        if d.evaluation_minutes * 2 > d.baseline_minutes:
            raise ValueError(
                f"detection.evaluation_minutes is {d.evaluation_minutes}: at most half of baseline_minutes "
                f"({d.baseline_minutes})"
            )
        for unit in ("series", "samples"):
            part, most = getattr(self.budget, f"part_{unit}"), getattr(self.budget, f"most_{unit}")
            if part > most:
                raise ValueError(f"budget.part_{unit} is {part}: at most budget.most_{unit} ({most})")
