"""The Kubernetes API as a source: listed, watched and kept as one immutable state; read-only by construction."""
