"""The checks of `reaperctl doctor`: what was read of the host goes in, findings come out. They read nothing themselves.

clock.py        the time of day is set
cut_short.py    what ends locked, held and deferred sessions before reaper does
daemon.py       reaperd runs, starts at boot, and its unit denies it nothing
journal.py      the journal keeps what reaper logs
kernel.py       the kernel, control groups and mounts
libraries.py    the Python packages
locking.py      sessions that a rule locks can be locked and unlocked
logind.py       logind answers, and kills no processes that reaper keeps
pam.py          logins, su and sudo go through pam_reaper.so
precedence.py   which mechanism ends each kind of session first
rules.py        the policy in force is that of the files, and which rules end nothing
servers.py      servers without a PAM session, and consoles that log a user in
sessions.py     current sessions without a limit
shell.py        TMOUT in the files of login shells
sshd.py         what sshd's configuration means for reaper
sudo.py         sudo opens the PAM session that marks an elevation
"""
