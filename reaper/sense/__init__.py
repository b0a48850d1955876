"""Reads the host: login sessions, their processes, terminals and connections, reaper's own files. Changes nothing.

It decides nothing either, and it waits for no name service, no terminal and no file system that a user can mount.

What the daemon asks
host.py              every question of the daemon's in one class, which tests replace by a fake
clock.py             the clocks: boot time, wall time, local time, and how long the daemon itself has worked

Which sessions there are
discovery.py         finds the sessions that are new, by records and by logind
login_records.py     the records that pam_reaper.so writes of logins
pam_files.py         how the files of pam_reaper.so are read and checked
logind.py            what systemd-logind says of sessions
login_sessions.py    makes a session of a record, or of what logind says
belonging.py         which session a process belongs to
run0.py              which client ordered what run0(1) or systemd-run(1) runs
elevations.py        the sessions in which somebody has become root
name_service.py      asks name services about groups, in a child process
accounts.py          that child process, and the lookups that only tools may make

What a session has
terminals.py         terminals: their names, times and modes
tty_drivers.py       which devices are terminals, by the kernel's drivers
terminal_handles.py  tells a terminal from a later one of the same name
possession.py        which consoles, serial lines and served ptys a login has
connections.py       the processes of sshd and of terminal servers that carry a connection
ssh_counters.py      how many bytes were typed and printed over an ssh connection
activity.py          what a session's connection and processes have done
processes.py         the processes on a session's terminals and in its scope
programs.py          which programs run, by the file that the kernel executes
executables.py       the owner of the file that a process runs
strays.py            a session's processes outside of its scope
targets.py           all processes that ending a session concerns
walk.py              reads many processes once, and no more than a limit
shared_memory.py     how much memory processes use, shared pages counted in shares (PSS)
survivors.py         which processes of a session would end with it, and which would survive
process_details.py   names, CPU time and memory of processes by psutil, for reaperctl alone
exit_watcher.py      reports at once that a process has ended

Processes that cannot be read
distrust.py          users whose processes are not read, because one of them blocked a read
read_probe.py        a child process that tries whether they can be read again
in_time.py           reads processes within a time limit, for a user who waits
aside.py             runs a read in a thread that is abandoned if it does not end in time

Files
policy_files.py      the policy files in their order, and whether they can be trusted
saved_state.py       the state file of an earlier daemon
lock_files.py        the files between reaperd and reaper-lock
lockability.py       why a session cannot be locked
"""
