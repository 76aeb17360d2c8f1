"""Where numbers and objects come from: Prometheus, Kubernetes, and recordings of both."""
