"""Tests on booted hosts: what a user or an auditor would see."""
