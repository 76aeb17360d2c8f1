"""The engine in a process of its own, so that no key waits for the interpreter lock.

The console holds a `RemoteSession`; `EngineSession` runs, unchanged, in a child process. Between them is one socket:
calls go down by name (`calls`), answers and snapshots come up as changes, in pieces (`changes`), errors as they were
(`errors`). `process` starts and ends a child, `child` is what runs there, `session` keeps one running.
"""
