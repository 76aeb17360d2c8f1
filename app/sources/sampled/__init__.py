"""Numbers of the Kubernetes API as series: sampled from one view of the cluster to the next, kept for as long as rows
look back. Measured and judged like those of a metrics server, and as recordings hold the views, replayed like them.
"""

from app.sources.sampled.history import SampledMetrics, Wanted

__all__ = ["SampledMetrics", "Wanted"]
