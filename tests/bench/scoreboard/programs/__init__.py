"""Programs that use ssh client libraries: `python3 PROGRAM shell|forward|sftp USER KEY PORT`.

They run on a workstation with its own python3 and its suite's library, and import nothing of this repository.
"""
