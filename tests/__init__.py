"""The tests of reaper."""
