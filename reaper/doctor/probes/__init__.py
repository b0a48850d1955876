"""The probes of `reaperctl doctor`: they read the host and ask systemd, sshd and the daemon. They change nothing.

daemon_status.py    the daemon, as systemd and its socket report it
listeners.py        the units and processes by which users log in
pam_services.py     the PAM stacks of the services that matter
reader.py           files, commands and processes, with limits on each
sshd_config.py      sshd's configuration, from `sshd -T` or its files
sudo_files.py       sudo's configuration with its includes
surroundings.py     everything else, and all facts together
unlock_methods.py   which of the users who are logged in could not unlock a session
"""
