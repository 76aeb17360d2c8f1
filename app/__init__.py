"""What ties the rooms together, and the only room that talks to the outside."""

__version__ = "0.1.0"
