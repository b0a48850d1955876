"""The parts of a lock joined by hand, with a new process for every step, as if each had been killed after it.

Runs inside the host, by its own python3: `parts.py STEP USER [TTY]`, with the state in a file between the steps.
"""

import json
import sys

sys.path.insert(0, "/usr/share/idle-reaper")

from reaper.decide.session.model import ProcessId
from reaper.lock.freeze.freezer import Freezer
from reaper.lock.freeze.quiesce import UserFreeze
from reaper.lock.freeze.readers import holders
from reaper.lock.terminal.tty import SavedTty, Tty
from reaper.sense.host import Host

STATE = "/run/lock-parts-{}.json"
SECONDS = 30


def lock(user, *tty):
    """Freezes whom there is to freeze, and takes the terminals."""
    host = Host()
    sessions = [each for each in host.discover((), ()).sessions if each.user == user]
    (session,) = [each for each in sessions if not tty or host.terminal_names(each) == {*tty}]
    freezer, names, origins, rounds = Freezer(session.scope), host.terminal_names(session), {}, 0
    freezer.make()
    before = {name: Tty(name).look() for name in names}
    while freeze(freezer, holders(session, names, host.everything(session)), origins):
        rounds += 1
        if rounds > 100:
            break
    with UserFreeze(session.scope).held():
        missed = freeze(freezer, holders(session, names, host.everything(session)), origins)
    assert freezer.wait(SECONDS)
    drained = {}
    for name in names:
        line = Tty(name, before[name])
        drained[name] = line.drain(before[name])
        line.take(drained[name])
    state = {
        "scope": session.scope,
        "id": session.session_id,
        "rounds": rounds,
        "missed": len(missed),
        "members": sorted(each.pid for each in freezer.members()),
        "origins": [[*each, group] for each, group in origins.items() if group],
        "lines": {name: each.to_plain() for name, each in drained.items()},
    }
    write(user, state)
    print(json.dumps(state))


def freeze(freezer, processes, origins):
    """Returns those that were not in yet."""
    inside = set(freezer.members())
    new = [each for each in processes if each not in inside]
    origins.update({each: freezer.add(each) for each in new})
    return new


def unlock(user):
    """Puts all of it back."""
    for name, plain in read(user)["lines"].items():
        before = SavedTty.from_plain(plain)
        assert Tty(name, before).restore(before)
    release(user)


def release(user):
    """Has everybody go on, where the terminals are gone."""
    state = read(user)
    origins = {ProcessId(pid, ticks): group for pid, ticks, group in state["origins"]}
    Freezer(state["scope"]).put_back(origins)


def write(user, state):
    with open(STATE.format(user), "w", encoding="utf-8") as file:
        json.dump(state, file)


def read(user):
    with open(STATE.format(user), encoding="utf-8") as file:
        return json.load(file)


if __name__ == "__main__":
    {"lock": lock, "unlock": unlock, "release": release}[sys.argv[1]](*sys.argv[2:])
