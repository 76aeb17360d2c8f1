"""What is remembered: the SQLite schema, its migrations, the repositories and the retention."""
