"""What is abnormal: pure functions on numpy arrays and on Kubernetes objects.

No I/O, no wall clock, no settings lookup: arrays or objects and a clock value go in, dataclasses come out.
"""
