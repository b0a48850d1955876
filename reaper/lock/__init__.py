"""reaper-lock: holds the terminals of one locked session, and gives them back to who proves to be its person.

A program of its own, one process a locked session (reaper-lock@NAME.service), so that no restart of reaperd opens or
loses a lock. reaperd decides that a session is locked, and when it ends; here is how:

freezer       what is attached to the terminals stops, in a cgroup of root's that no signal wakes (cgroups)
tracer        holds each of them by ptrace, too; guard: sees whoever is let out all the same
holders       who that is, by what each has open (descriptors, mounts, rings), in a look that ends in time (bounded)
still         a look that nobody escapes; others: who stands still for two locks. stopped joins them
apart         all of that, by a thread that is left behind where the kernel makes it wait for good
line          one terminal: taken over so that nobody else reads it, and put back as it was
survey        how its terminal was left, as that tells itself, and what a console shows
screen, keys  what is shown there meanwhile, and what a person types at the prompt
prompt        the process that asks; dialogue: what it says to the person, and conversation: to PAM
leave         how it ends: given back, or hung up
keeper        joins them; wakeup: its signals
aftermath     what follows when a keeper has failed

What must hold: from the moment that the state says `locked` until it says `unlocking`, nothing that the person's
processes do can read what is typed on these terminals; and whatever becomes of this program, the session is in the end
either given back, or ended, or locked anew, and never open and never frozen for good.
"""
