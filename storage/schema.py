"""The tables, statement by statement, in the order in which `storage.migrations` brings them."""

from __future__ import annotations

# Names repeat in millions of rows, so each is stored once. These three have no foreign keys pointing at them: a check
# on deletion would scan every anomaly, and only the retention deletes here, what nothing refers to.
_NAMES = (
    "CREATE TABLE cluster (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    """CREATE TABLE entity (
        id INTEGER PRIMARY KEY,
        cluster INTEGER NOT NULL,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        type TEXT NOT NULL,
        kind TEXT NOT NULL,
        peer TEXT NOT NULL,
        environment TEXT NOT NULL DEFAULT '',
        UNIQUE (cluster, namespace, name, type, kind, peer))""",
    """CREATE TABLE subject (
        id INTEGER PRIMARY KEY,
        entity INTEGER NOT NULL,
        signal TEXT NOT NULL,
        unit TEXT NOT NULL,
        convention TEXT NOT NULL,
        query TEXT NOT NULL)""",
    "CREATE INDEX subject_entity ON subject (entity, signal)",
)

# The columns from seen_at to closed_at belong to the engineer: cycles never write them, acts write nothing else.
_INVESTIGATIONS = (
    """CREATE TABLE investigation (
        id INTEGER PRIMARY KEY,
        cluster INTEGER NOT NULL,
        entity INTEGER NOT NULL,
        title TEXT NOT NULL,
        severity INTEGER NOT NULL,
        score REAL,
        onset REAL NOT NULL,
        opened REAL NOT NULL,
        updated REAL NOT NULL,
        ended REAL,
        signals TEXT NOT NULL,
        anomalies INTEGER NOT NULL,
        held INTEGER NOT NULL,
        seen_at REAL,
        acknowledged_at REAL,
        acknowledged_by TEXT NOT NULL DEFAULT '',
        snoozed_until REAL,
        label TEXT,
        label_reason TEXT NOT NULL DEFAULT '',
        pinned INTEGER NOT NULL DEFAULT 0,
        closed_at REAL,
        lifecycle INTEGER GENERATED ALWAYS AS
            (CASE WHEN closed_at IS NOT NULL THEN 2 WHEN ended IS NOT NULL THEN 1 ELSE 0 END) VIRTUAL)""",
    "CREATE INDEX investigation_cluster ON investigation (cluster, lifecycle, updated)",
    "CREATE INDEX investigation_lifecycle ON investigation (lifecycle, updated)",
    "CREATE INDEX investigation_entity ON investigation (entity)",
    "CREATE INDEX investigation_ended ON investigation (ended)",
    "CREATE INDEX investigation_label ON investigation (label, cluster) WHERE label IS NOT NULL",
    "CREATE INDEX investigation_pinned ON investigation (cluster) WHERE pinned",
)

# score, peak_score and confidence are whole thousandths.
_ANOMALIES = (
    """CREATE TABLE anomaly (
        id INTEGER PRIMARY KEY,
        investigation INTEGER NOT NULL REFERENCES investigation (id) ON DELETE CASCADE,
        subject INTEGER NOT NULL,
        state INTEGER NOT NULL,
        severity INTEGER NOT NULL,
        score INTEGER,
        peak_score INTEGER,
        observed REAL,
        low REAL,
        high REAL,
        onset REAL NOT NULL,
        opened REAL NOT NULL,
        last_seen REAL NOT NULL,
        closed REAL,
        confidence INTEGER,
        views INTEGER NOT NULL,
        clean_passes INTEGER NOT NULL,
        reopened INTEGER NOT NULL)""",
    "CREATE INDEX anomaly_investigation ON anomaly (investigation)",
    "CREATE INDEX anomaly_unresolved ON anomaly (state) WHERE state > 0",
    """CREATE TABLE band (
        anomaly INTEGER PRIMARY KEY REFERENCES anomaly (id) ON DELETE CASCADE,
        data BLOB NOT NULL)""",
)

_LEDGER = (
    """CREATE TABLE evidence (
        id INTEGER PRIMARY KEY,
        investigation INTEGER NOT NULL REFERENCES investigation (id) ON DELETE CASCADE,
        digest INTEGER NOT NULL,
        anomaly INTEGER,
        step TEXT NOT NULL,
        text TEXT NOT NULL,
        source TEXT NOT NULL,
        value TEXT NOT NULL,
        at REAL,
        recorded REAL NOT NULL,
        stance TEXT NOT NULL,
        UNIQUE (investigation, digest))""",
    """CREATE TABLE timeline (
        investigation INTEGER NOT NULL REFERENCES investigation (id) ON DELETE CASCADE,
        at REAL NOT NULL,
        kind TEXT NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (investigation, at, kind, text)) WITHOUT ROWID""",
    """CREATE TABLE event (
        cluster INTEGER NOT NULL,
        uid TEXT NOT NULL,
        namespace TEXT NOT NULL,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        object_uid TEXT NOT NULL,
        type TEXT NOT NULL,
        reason TEXT NOT NULL,
        message TEXT NOT NULL,
        count INTEGER NOT NULL,
        first_seen REAL NOT NULL,
        last_seen REAL NOT NULL,
        component TEXT NOT NULL,
        owner_kind TEXT NOT NULL,
        owner_name TEXT NOT NULL,
        PRIMARY KEY (cluster, uid))""",
    "CREATE INDEX event_object ON event (cluster, name, last_seen)",
    "CREATE INDEX event_owner ON event (cluster, owner_name, last_seen) WHERE owner_name <> ''",
    "CREATE INDEX event_seen ON event (cluster, last_seen)",
)

_CYCLES = (
    """CREATE TABLE cycle (
        cluster INTEGER NOT NULL,
        at REAL NOT NULL,
        seconds REAL NOT NULL,
        series INTEGER NOT NULL,
        observations INTEGER NOT NULL,
        errors INTEGER NOT NULL,
        PRIMARY KEY (cluster, at)) WITHOUT ROWID""",
    """CREATE TABLE coverage (
        cluster INTEGER NOT NULL,
        signal TEXT NOT NULL,
        status TEXT NOT NULL,
        conventions TEXT NOT NULL,
        live INTEGER NOT NULL,
        learning INTEGER NOT NULL,
        silent INTEGER NOT NULL,
        last_fired REAL,
        detail TEXT NOT NULL,
        query_seconds REAL,
        query TEXT NOT NULL,
        PRIMARY KEY (cluster, signal))""",
    """CREATE TABLE lease (
        cluster INTEGER PRIMARY KEY,
        owner TEXT NOT NULL,
        pid INTEGER NOT NULL,
        host TEXT NOT NULL,
        expires REAL NOT NULL)""",
)

# `step` is the id of the first line of one act: a bulk act is undone as a whole.
_HISTORY = (
    """CREATE TABLE history (
        id INTEGER PRIMARY KEY,
        step INTEGER NOT NULL,
        at REAL NOT NULL,
        actor TEXT NOT NULL,
        session TEXT NOT NULL,
        action TEXT NOT NULL,
        investigation INTEGER,
        before TEXT NOT NULL,
        after TEXT NOT NULL,
        undoes INTEGER)""",
    "CREATE INDEX history_investigation ON history (investigation)",
    "CREATE INDEX history_step ON history (step)",
    "CREATE INDEX history_actor ON history (actor, at) WHERE id = step",
    """CREATE TRIGGER history_is_final BEFORE UPDATE ON history
        BEGIN SELECT RAISE(ABORT, 'history is append-only'); END""",
    # REPLACE deletes without firing a trigger.
    """CREATE TRIGGER history_is_new BEFORE INSERT ON history WHEN EXISTS (SELECT 1 FROM history WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'history is append-only'); END""",
    # A line leaves only together with its investigation, when the retention lets go of both.
    """CREATE TRIGGER history_is_kept BEFORE DELETE ON history
        WHEN OLD.investigation IS NULL OR EXISTS (SELECT 1 FROM investigation WHERE id = OLD.investigation)
        BEGIN SELECT RAISE(ABORT, 'history is append-only'); END""",
)

_REST = (
    "CREATE TABLE screen (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    # Ids are never used twice, also not after the newest row was deleted.
    "CREATE TABLE sequence (name TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID",
)

FIRST = (*_NAMES, *_INVESTIGATIONS, *_ANOMALIES, *_LEDGER, *_CYCLES, *_HISTORY, *_REST)

# Who measured it, and the object's field that holds its value; empty in lines from before there were these columns.
EVIDENCE_ORIGIN = tuple(
    f"ALTER TABLE evidence ADD COLUMN {column} TEXT NOT NULL DEFAULT ''"
    for column in ("convention", "object_kind", "object_namespace", "object_name", "field")
)

CONVENTIONS = (
    """CREATE TABLE convention (
        cluster INTEGER NOT NULL,
        name TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (cluster, name)) WITHOUT ROWID""",
)

# A day of a container is written over as it goes on. What nothing uses any more leaves with the retention.
USAGE = (
    """CREATE TABLE usage_series (
        id INTEGER PRIMARY KEY,
        cluster INTEGER NOT NULL,
        entity INTEGER NOT NULL,
        container TEXT NOT NULL,
        resource TEXT NOT NULL,
        source TEXT NOT NULL,
        UNIQUE (cluster, entity, container, resource, source))""",
    """CREATE TABLE usage_day (
        series INTEGER NOT NULL REFERENCES usage_series (id) ON DELETE CASCADE,
        day INTEGER NOT NULL,
        first REAL NOT NULL,
        last REAL NOT NULL,
        points INTEGER NOT NULL,
        peak REAL NOT NULL,
        peak_at REAL NOT NULL,
        peak_pod TEXT NOT NULL,
        hours BLOB NOT NULL,
        sketch BLOB NOT NULL,
        PRIMARY KEY (series, day))""",
    "CREATE INDEX usage_day_day ON usage_day (day)",
    """CREATE TABLE advice (
        cluster INTEGER NOT NULL,
        signal TEXT NOT NULL,
        entity INTEGER NOT NULL,
        container TEXT NOT NULL,
        resource TEXT NOT NULL,
        bound TEXT NOT NULL,
        outcome TEXT NOT NULL,
        severity INTEGER NOT NULL,
        confidence TEXT NOT NULL,
        current REAL,
        observed REAL,
        statistic TEXT NOT NULL,
        peak REAL,
        peak_at REAL,
        worst_pod TEXT NOT NULL,
        suggestion REAL,
        saving REAL,
        replicas INTEGER NOT NULL,
        span REAL NOT NULL,
        points INTEGER NOT NULL,
        reason TEXT NOT NULL,
        convention TEXT NOT NULL,
        query TEXT NOT NULL,
        PRIMARY KEY (cluster, signal, entity, container))""",
    """CREATE TABLE advice_run (
        cluster INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        seconds REAL NOT NULL,
        coverage TEXT NOT NULL)""",
)

COST = (
    "ALTER TABLE coverage ADD COLUMN query_series INTEGER",
    "ALTER TABLE coverage ADD COLUMN query_samples INTEGER",
    "ALTER TABLE coverage ADD COLUMN thinned TEXT NOT NULL DEFAULT ''",
)

# `verdict`, `priority` and `cause` are what lists show; `body` is the whole conclusion as JSON.
CONCLUSIONS = (
    "ALTER TABLE investigation ADD COLUMN verdict TEXT",
    "ALTER TABLE investigation ADD COLUMN priority TEXT",
    "ALTER TABLE investigation ADD COLUMN cause TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE evidence ADD COLUMN clue TEXT NOT NULL DEFAULT ''",
    """CREATE TABLE conclusion (
        investigation INTEGER PRIMARY KEY REFERENCES investigation (id) ON DELETE CASCADE,
        at REAL NOT NULL,
        body BLOB NOT NULL)""",
)

# The case that a case is a consequence of; 0 where it stands for itself.
CONSEQUENCES = (
    "ALTER TABLE investigation ADD COLUMN part_of INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX investigation_part_of ON investigation (part_of) WHERE part_of > 0",
)

# `body` is the whole verification as JSON.
VERIFICATIONS = (
    """CREATE TABLE verification (
        cluster INTEGER NOT NULL,
        entity INTEGER NOT NULL,
        began REAL NOT NULL,
        at REAL NOT NULL,
        verdict TEXT NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (cluster, entity, began))""",
    "CREATE INDEX verification_at ON verification (cluster, at)",
)

# What was judged, as it was at that moment; a label that was taken back stays. Valid is the newest row of an anomaly
# with the label and the reason that its investigation has now.
LABELS = (
    """CREATE TABLE label (
        id INTEGER PRIMARY KEY,
        history INTEGER,
        investigation INTEGER NOT NULL REFERENCES investigation (id) ON DELETE CASCADE,
        anomaly INTEGER NOT NULL,
        subject INTEGER NOT NULL,
        at REAL NOT NULL,
        actor TEXT NOT NULL,
        label TEXT NOT NULL,
        reason TEXT NOT NULL,
        detector TEXT NOT NULL,
        severity INTEGER NOT NULL,
        score INTEGER,
        peak_score INTEGER,
        observed REAL,
        low REAL,
        high REAL,
        confidence INTEGER,
        views INTEGER NOT NULL,
        onset REAL NOT NULL,
        opened REAL NOT NULL,
        last_seen REAL NOT NULL,
        reopened INTEGER NOT NULL,
        verdict TEXT NOT NULL DEFAULT '')""",
    "CREATE INDEX label_investigation ON label (investigation, anomaly)",
    # Those of before there was this table, with what is known of their anomalies now.
    """INSERT INTO label (investigation, anomaly, subject, at, actor, label, reason, detector, severity, score,
            peak_score, observed, low, high, confidence, views, onset, opened, last_seen, reopened)
        SELECT anomaly.investigation, anomaly.id, anomaly.subject, investigation.updated, '', investigation.label,
            investigation.label_reason, '', anomaly.severity, anomaly.score, anomaly.peak_score, anomaly.observed,
            anomaly.low, anomaly.high, anomaly.confidence, anomaly.views, anomaly.onset, anomaly.opened,
            anomaly.last_seen, anomaly.reopened
        FROM anomaly JOIN investigation ON investigation.id = anomaly.investigation
        WHERE investigation.label IS NOT NULL ORDER BY anomaly.id""",
    """CREATE TRIGGER label_is_final BEFORE UPDATE ON label
        BEGIN SELECT RAISE(ABORT, 'labels are append-only'); END""",
    """CREATE TRIGGER label_is_new BEFORE INSERT ON label WHEN EXISTS (SELECT 1 FROM label WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'labels are append-only'); END""",
    """CREATE TRIGGER label_is_kept BEFORE DELETE ON label
        WHEN EXISTS (SELECT 1 FROM investigation WHERE id = OLD.investigation)
        BEGIN SELECT RAISE(ABORT, 'labels are append-only'); END""",
    """CREATE TABLE incident (
        id INTEGER PRIMARY KEY,
        cluster INTEGER NOT NULL,
        workload TEXT NOT NULL,
        since REAL NOT NULL,
        until REAL NOT NULL,
        note TEXT NOT NULL,
        actor TEXT NOT NULL,
        recorded REAL NOT NULL,
        removed REAL)""",
    "CREATE INDEX incident_cluster ON incident (cluster, since)",
)

# What a rule says never changes; whether it is in force does, by acts that are written down and undone like others.
# An investigation's `muted` is the rule that hides it, as the last cycle that touched it found.
RULES = (
    """CREATE TABLE rule (
        id INTEGER PRIMARY KEY,
        cluster INTEGER NOT NULL,
        signal TEXT NOT NULL,
        workload TEXT NOT NULL,
        below REAL,
        first_hour INTEGER,
        last_hour INTEGER,
        owner TEXT NOT NULL,
        reason TEXT NOT NULL,
        created REAL NOT NULL,
        expires REAL,
        active INTEGER NOT NULL)""",
    "CREATE INDEX rule_cluster ON rule (cluster)",
    "ALTER TABLE investigation ADD COLUMN muted INTEGER",
)

# What is usual for one series of a signal, as one source tells it; written over as it is learnt.
PROFILES = (
    """CREATE TABLE profile (
        cluster INTEGER NOT NULL,
        signal TEXT NOT NULL,
        source TEXT NOT NULL,
        entity INTEGER NOT NULL,
        part TEXT NOT NULL,
        until REAL NOT NULL,
        learnt BLOB NOT NULL,
        PRIMARY KEY (cluster, signal, source, entity, part)) WITHOUT ROWID""",
    "CREATE INDEX profile_until ON profile (cluster, until)",
)

# One row for each case and destination; without a case it is the summary of messages that were held back. `wanted` and
# `sent` are versions, `channel` and `ts` name the message at its destination, `owner` and `until` are who delivers it
# and for how long nobody else may. `summary` is the row that tells of a held message, 0 where none shall.
OUTBOX = (
    """CREATE TABLE message (
        id INTEGER PRIMARY KEY,
        investigation INTEGER REFERENCES investigation (id) ON DELETE CASCADE,
        destination TEXT NOT NULL,
        rule TEXT NOT NULL,
        state TEXT NOT NULL,
        priority TEXT NOT NULL,
        headline TEXT NOT NULL,
        body BLOB NOT NULL,
        wanted INTEGER NOT NULL DEFAULT 1,
        sent INTEGER NOT NULL DEFAULT 0,
        told TEXT NOT NULL DEFAULT '',
        channel TEXT NOT NULL DEFAULT '',
        ts TEXT NOT NULL DEFAULT '',
        attempts INTEGER NOT NULL DEFAULT 0,
        next_at REAL NOT NULL,
        owner TEXT NOT NULL DEFAULT '',
        until REAL,
        error TEXT NOT NULL DEFAULT '',
        hint TEXT NOT NULL DEFAULT '',
        created REAL NOT NULL,
        posted REAL,
        summary INTEGER,
        UNIQUE (investigation, destination))""",
    "CREATE INDEX message_state ON message (state, next_at)",
    "CREATE INDEX message_posted ON message (destination, posted)",
)

# What holds a message back, and when one is looked at although nothing is new. Until now `summary` was 0 in a dry run.
HOLDS = (
    "ALTER TABLE message ADD COLUMN held_by TEXT",
    "ALTER TABLE message ADD COLUMN again REAL",
    "UPDATE message SET held_by = CASE WHEN summary = 0 THEN 'dry run' ELSE 'limit' END WHERE state = 'held'",
    "UPDATE message SET summary = NULL WHERE summary = 0",
    "CREATE INDEX message_again ON message (again) WHERE again IS NOT NULL",
)

# A rule may be about one environment, and begin later: a maintenance window. A snooze may end with the first rollout
# after `awaits_rollout`.
SILENCES = (
    "ALTER TABLE rule ADD COLUMN environment TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE rule ADD COLUMN starts REAL",
    "ALTER TABLE investigation ADD COLUMN awaits_rollout REAL",
    "CREATE INDEX investigation_awaits ON investigation (cluster) WHERE awaits_rollout IS NOT NULL",
)

# Container restarts that were seen, for a few hours: the API server keeps the last one of each container only.
RESTARTS = (
    """CREATE TABLE restart (
        cluster INTEGER NOT NULL,
        at REAL NOT NULL,
        pod TEXT NOT NULL,
        container TEXT NOT NULL,
        delta INTEGER NOT NULL,
        reason TEXT NOT NULL,
        exit_code INTEGER NOT NULL,
        PRIMARY KEY (cluster, at, pod, container)) WITHOUT ROWID""",
)
