"""Prometheus and everything that answers like it: VictoriaMetrics, Thanos, Mimir."""
