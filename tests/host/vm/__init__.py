"""Tests on booted virtual machines: what a person at the machine itself, or with its clocks set, would see."""
