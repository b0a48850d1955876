"""The scoreboard: the same people, innocent and clever, on the same host, under reaper and under what else there is.

    python3 -m tests.bench.scoreboard [--suite S] [--enforcer E] [--only GLOB] [--write]

Theory of operation. A scenario (scenarios/, each a few lines) is one person with a real client: it says how the person
begins, what goes on then (a key every so often, a program that runs), and whether an administrator would have this
session KEPT or ENDED at the limit of a minute. One pass boots a host of one suite, gives it one enforcer
(enforcers.py), makes a user for every scenario, and lets all of them in, one after the other, each then on a clock of
their own (play.py). Most use the ssh client of this machine; the matrix (clients.py, scenarios/clients.py) plays a few
situations with every client there is, on a workstation of Debian 12 or 13 (tests.host.lab.Workstation).

The judge sits on the host (table.py, inside.py): a session is the processes of sshd or login(1) that hold it, seen in
the process table once a second, whoever or whatever claims that it is over. Of the person's side it takes only whether
the programs that they need still run, and what appeared on their terminals, and when.

An ENDED one is right if nothing of it is left after LATEST, and it did not end before LIMIT, less the 8 s in which the
kernel keeps terminals' times, both from the last sign of the person; a KEPT one if all of it is there after OBSERVED.
What could not be set up is an error, in nobody's favour. The column of `nobody` shows that by themselves all stay.
"""
