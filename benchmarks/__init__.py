"""What is fast and what is right, measured: `python -m benchmarks`, or one of its modules."""
