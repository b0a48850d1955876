"""The socket /run/reaper/io.reaper (varlink): the daemon's side and the client's. Decides nothing about sessions.

io.reaper.varlink   the interface: types, methods, errors
methods.py          checks calls and their permissions, and answers them through the daemon (Backend)
server.py           the listening socket and its clients, with limits on all of them
subscriptions.py    the clients that watch: what each was sent last, and when it may be sent more
client.py           one call to the daemon
stream.py           the client's side of Watch, which goes on answering
"""
