"""reaper ends or locks login sessions that people have walked away from."""

__version__ = "0.1.0"
