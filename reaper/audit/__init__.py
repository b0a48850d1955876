"""The journal read back: what reaperd has told of sessions, policies and itself, for people and programs.

    records   an entry of the journal as an event, and whose entry it is
    select    which events are asked for, as the journal's own matches
    history   the only module that opens the journal
    moments   the times that people write
    stories   events grouped by session, with how each one ended
    pages     stories and listings as lines of text

It only reads, and only what journald itself vouches for: any user can write any REAPER_ field into the journal.
"""
