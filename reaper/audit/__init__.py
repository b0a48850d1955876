"""Reads back from the journal what reaperd did with sessions, for `reaperctl log`.

    journal_reader.py    opens the journal; no other module does
    journal_records.py   an entry as an event, and who wrote it
    log_lines.py         the log of a session, and lists of events, as lines of text
    query.py             which events are asked for, as the journal's matches
    timeline.py          events grouped by session, and how each session ended
    times.py             parses the times that people write

It only reads, and trusts only what journald itself says of the sender: any user can write any REAPER_ field.
"""
