"""The process that asks for the password on one locked terminal.

It must not read or change anything of the session but the terminal that it was given, and is killed with the keeper.

process.py      forks the process, secludes it, and reads its outcome
dialogue.py     draws the prompt, reads answers, shows messages
pam.py          one attempt through libpam: authentication, account, credentials
line_editor.py  turns the bytes that a terminal sends into one edited line (pure)
"""
