"""Small values as text, parsed and formatted; nothing here knows of policies or sessions.

document.py   parses JSON that reaper itself has written
duration.py   durations, as in systemd.time(7)
escape.py     makes untrusted text safe to display
hours.py      hours of the week, and moments of local time
number.py     whole numbers, as programs print them
size.py       amounts of data
suggest.py    the known word that a user may have meant
"""
