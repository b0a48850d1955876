"""The scoreboard: plays the same honest and dishonest users on the same host, under reaper and under its alternatives.

    python3 -m tests.bench.scoreboard [--suite S] [--enforcer E] [--only GLOB] [--write]

Theory of operation. A scenario (scenarios/, each a few lines) is one person with a real client: it defines how the
person begins, what happens then (a key from time to time, a program that runs), and whether an administrator wants this
session KEPT or ENDED at the limit of a minute. One pass boots a host of one suite, gives it one enforcer
(enforcers.py), makes a user for every scenario, and logs all of them in, one after the other, each then on their own
clock (play.py). Most use the ssh client of this machine; the matrix (clients.py, scenarios/clients.py) plays a few
situations with every available client, on a workstation of Debian 12 or 13 (tests.host.lab.Workstation).

The judge runs on the host (table.py, inside.py): a session is the processes of sshd or login(1) that hold it, as seen
in the process table once a second, no matter which program claims that it is over. From the person's side it takes only
whether the programs that the person needs still run, and what appeared on the person's terminals, and when.

An ENDED session is right if none of its processes are left after LATEST, and it did not end before LIMIT less the 8 s
of the kernel's steps of terminals' times, both counted from the person's last sign of life. A KEPT session is right if
all of it is there after OBSERVED. A scenario that could not be set up is an error, and counts as wrong. The column
`nobody` shows that all sessions stay if nothing ends them.
"""
