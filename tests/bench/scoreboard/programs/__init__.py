"""Clients that are libraries, each as a program: `python3 PROGRAM shell|forward|sftp USER KEY PORT`.

They run on a workstation, by its own python3 and the library that its suite has, and import nothing of ours.
"""
