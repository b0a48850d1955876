"""`reaperctl doctor`: finds what keeps a limit from being enforced on this host. It changes nothing.

checks/            what each fact means; pure
probes/            reads the facts
diagnose.py        runs every check, and the result as JSON
findings.py        a finding, its severity and its remedy
findings_text.py   the result as lines of text
"""
