"""Pictures of every screen, written by `python -m screenshots.make`, never by hand."""
