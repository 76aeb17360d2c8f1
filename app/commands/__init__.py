"""One module per command: `declare(parser)` adds its own options, `run(options)` does it and returns the exit code."""
