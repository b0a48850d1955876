"""What the loop does around the daemon: the state of the one before, the policy files, and what the socket asks for.

The loop itself is for the host tests; here it never turns.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from reaper.control.methods import CallError, Peer
from reaper.daemon.loop import DaemonLoop
from reaper.decide.output.events import EventKind
from reaper.decide.policy.files import render
from reaper.decide.policy.match import Match
from reaper.decide.policy.rules import Brake, Policy, Rule
from reaper.decide.session import snapshot
from reaper.decide.session.brake import Ledger
from reaper.decide.session.snapshot import Snapshot
from reaper.errors import ReaperError
from reaper.sense.elevations import Elevations
from reaper.sense.host import Host
from reaper.sense.login_records import LoginRecords
from tests.unit.bench import Bench
from tests.unit.fakes import make_limits, make_policy
from tests.unit.simulated import SECOND


class Files:
    """The policy files."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.error: ReaperError | None = None

    def read(self) -> Policy:
        if self.error is not None:
            raise self.error
        return self.policy


class Stand:
    """A service around a daemon among fakes, not run."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.files = Files(make_policy())
        self.service = DaemonLoop(bench.host, bench.daemon, bench.journal, self.files.read)  # type: ignore[arg-type]
        bench.daemon.presence.on_track = lambda _key: False  # the fakes' pids are not this host's

    def restore(self) -> None:
        self.service._restore()

    def kinds(self) -> list[EventKind]:
        return [event.kind for event in self.bench.journal.events]

    def stop(self) -> None:
        self.service._selector.close()
        self.service._exit_watcher.close()
        self.service._wakeup.close()
        self.service._wakeup_writer.close()


@pytest.fixture
def stand() -> Iterator[Stand]:
    stand = Stand(Bench())
    yield stand
    stand.stop()


def state_of(stand: Stand, policy: str = "") -> str:
    """Returns the state that an earlier daemon has written of one session."""
    other = Bench(make_policy())
    other.host.login(100, "pts/1")
    other.run(50)
    tracked = tuple(other.daemon.sessions.values())
    return snapshot.encode(Snapshot("b00t", other.host.clock(), policy, Ledger(), tracked))


# The state.


def test_missing_state_is_not_logged(stand):
    stand.restore()
    assert stand.bench.warnings() == []
    assert stand.bench.daemon.sessions == {}


def test_state_of_the_last_daemon_is_restored(stand):
    policy = make_policy(make_limits(idle_usec=600 * SECOND))
    stand.bench.host.state = state_of(stand, render.describe(policy))
    stand.restore()
    assert stand.bench.daemon.policy is not None
    assert stand.bench.daemon.policy.id == policy.id
    (tracked,) = stand.bench.daemon.sessions.values()
    assert tracked.limits == policy.environments["standard"], "under the saved policy from the first moment"
    assert stand.bench.warnings() == []


def test_lapse_is_measured_by_the_poll_of_the_saved_policy(stand):
    """5 s, not the 15 s of a daemon without a policy: the warning is given again."""
    login = stand.bench.host.login(100, "pts/1")
    stand.bench.host.state = state_of(stand, render.describe(make_policy()))
    stand.bench.sleep(50 + 5 + 5.1)
    stand.restore()
    stand.service.reload()
    stand.bench.run(9.9)
    assert login.processes[0].signals == []
    stand.bench.run(0.2)
    assert login.processes[0].signals


def with_(text: str, **changes: object) -> str:
    """Returns the state with changes to its first line."""
    first, _, rest = text.partition("\n")
    return json.dumps({**json.loads(first), **changes}) + "\n" + rest


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda good: "garbage", "JSONDecodeError"),
        (lambda good: good[:100], "JSONDecodeError"),
        (lambda good: "\0" * 1000, "JSONDecodeError"),
        (lambda good: "[]", "TypeError"),
        (lambda good: with_(good, version=1), "it is of version 1, not 5"),
        (lambda good: with_(good, version="1"), "it is of version '1', not 5"),
        (lambda good: with_(good, boot_id="another"), "it is of another boot"),
        (lambda good: with_(good, sessions=7), "it has 1 sessions and should have 7"),
        (lambda good: good.partition("\n")[0] + "\n{}\n", "KeyError: 'leader'"),
        (lambda good: with_(good, polled=[1]), "TypeError"),
        (lambda good: with_(good, policy="bogus: [\n"), "the saved policy"),
        (lambda good: with_(good, policy="no-such-key: 1\n"), "the saved policy"),
    ],
)
def test_broken_state_is_logged_and_ignored(stand, spoil, why):
    """The daemon starts without it, which can only keep sessions longer."""
    stand.bench.host.state = spoil(state_of(stand))
    stand.restore()
    (note,) = stand.bench.warnings()
    assert why in note
    assert note.endswith(", ignoring")
    assert stand.bench.daemon.sessions == {}
    assert stand.bench.daemon.policy is None


class NoLogind:
    def list_ids(self) -> set[str]:
        return set()


@pytest.fixture
def host(tmp_path) -> Iterator[Host]:
    elevations = Elevations(str(tmp_path / "elevated"))
    yield Host(LoginRecords(str(tmp_path)), NoLogind(), elevations)  # type: ignore[arg-type]
    elevations.close()


def test_state_is_read_from_its_file(host, tmp_path):
    path = tmp_path / "state"
    path.write_text("good")
    path.chmod(0o600)
    assert host.read_state(str(path)) == "good"
    path.write_bytes(b"\xff\xfe")
    assert host.read_state(str(path)) == "\ufffd\ufffd"


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_state_that_others_can_write_is_ignored(host, tmp_path, mode):
    path = tmp_path / "state"
    path.write_text("bad")
    path.chmod(mode)
    assert host.read_state(str(path)) == ""


def test_state_that_is_no_regular_file_is_ignored(host, tmp_path):
    (tmp_path / "victim").write_text("bad")
    os.symlink(tmp_path / "victim", tmp_path / "link")
    assert host.read_state(str(tmp_path / "link")) == ""
    assert host.read_state(str(tmp_path / "none")) == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file away, which only root can")
def test_state_owned_by_another_user_is_ignored(host, tmp_path):
    path = tmp_path / "state"
    path.write_text("bad")
    path.chmod(0o600)
    os.chown(path, 65534, 0)
    assert host.read_state(str(path)) == ""


# The policy files.


def test_policy_is_loaded(stand):
    stand.service.reload()
    assert stand.kinds() == [EventKind.POLICY_LOADED]
    assert stand.service._status().startswith("watching 0 sessions, policy ")


def test_broken_policy_leaves_the_last_good_one(stand):
    stand.service.reload()
    good = stand.bench.daemon.policy
    stand.files.error = ReaperError("policy-invalid", "reaper.yaml:3:5: no such key", "remove it")
    stand.service.reload()
    assert stand.bench.daemon.policy is good
    assert stand.kinds() == [EventKind.POLICY_LOADED, EventKind.POLICY_REJECTED]
    assert "the last good policy stays" in stand.service._status()
    stand.files.error = None
    stand.service.reload()
    assert "last good" not in stand.service._status()


def test_broken_policy_at_the_start_touches_no_session(stand):
    stand.files.error = ReaperError("policy-invalid", "reaper.yaml:3:5: no such key", "remove it")
    stand.service.reload()
    login = stand.bench.host.login(100, "pts/1")
    stand.bench.run(1000)
    assert login.leader.is_alive
    assert stand.service._status().startswith("NO POLICY, nobody is touched")
    stand.files.error = None
    stand.service.reload()
    stand.bench.run(100)
    assert not login.leader.is_alive


def test_saved_policy_stands_in_for_a_broken_file(stand):
    saved = make_policy(make_limits(idle_usec=600 * SECOND))
    stand.bench.host.state = state_of(stand, render.describe(saved))
    stand.restore()
    stand.files.error = ReaperError("policy-invalid", "reaper.yaml:3:5: no such key", "remove it")
    stand.service.reload()
    assert stand.bench.daemon.policy is not None
    assert stand.bench.daemon.policy.id == saved.id


def test_reload_of_the_same_policy_changes_nothing(stand):
    """A reload between a warning and the end does not withdraw the warning."""
    stand.service.reload()
    login = stand.bench.host.login(100, "pts/1")
    stand.bench.run(50)
    stand.service.reload()
    stand.bench.run(1)
    assert stand.bench.words() == ["opened", "warned"]
    assert len(login.ttys["pts/1"].shown) == 1


def test_session_is_explained_while_its_groups_are_unknown(stand):
    ops = Rule("ops", Match(group=("ops",)), make_limits(idle_usec=None), ("idle",))
    stand.files.policy = make_policy(rules=(ops,))
    stand.service.reload()
    stand.bench.host.login(100, "pts/1", user="carol")
    stand.bench.host.groups["carol"] = None
    stand.bench.run(1)
    explanation = stand.service.api.explain_session(Peer(1, 0), "100")["explanation"]
    assert explanation["session"]["user"] == "carol"
    assert (
        "The groups of its user are not known yet: until then it is treated as if the user were in no group."
        in (explanation["text"])
    )


def test_explanation_names_unknown_groups(stand):
    """Only to root: a policy is not for everyone to read."""
    ops = Rule("ops", Match(group=("ops",)), make_limits(idle_usec=None), ("idle",))
    stand.files.policy = make_policy(rules=(ops,))
    host = stand.bench.host
    host.set_groups("carol", ops=5001, users=100)
    host.unnamed.add("ops")
    host.unknown.add("ops")
    stand.service.reload()
    host.login(100, "pts/1", user="carol")
    stand.bench.run(1)
    explanation = stand.service.api.explain_session(Peer(1, 0), "100")["explanation"]
    doubt = "The names of some groups of its user are not known (5001): a rule may name one of them."
    assert doubt in explanation["text"]
    assert stand.service.api.list_sessions(0)["unknown_groups"] == ["ops"]
    assert stand.service.api.list_sessions(1000)["unknown_groups"] == []


# What the socket asks for.


@pytest.fixture
def crowd(stand) -> Stand:
    stand.service.reload()
    stand.bench.host.login(100, "pts/1")
    stand.bench.host.login(200, "pts/2", user="bob", uid=1001, session_id="")
    stand.bench.run(1)
    return stand


@pytest.mark.parametrize(("uid", "users"), [(0, ["alice", "bob"]), (1000, ["alice"]), (1001, ["bob"]), (1002, [])])
def test_users_see_their_own_sessions(crowd, uid, users):
    assert [each["user"] for each in crowd.service.api.list_sessions(uid)["sessions"]] == users


@pytest.mark.parametrize("uid", [0, 1000, 1002])
def test_users_watch_the_sessions_that_they_see(crowd, uid):
    assert crowd.service.api.watch_sessions(uid)[0] == crowd.service.api.list_sessions(uid)


def test_watchers_get_changes_of_the_sessions_that_they_see(crowd):
    """Time alone is no change, and a login is one only for those who may see it."""
    crowd.bench.run(10)
    before = {uid: crowd.service.api.watch_sessions(uid)[1] for uid in (0, 1000)}
    crowd.bench.run(15)
    assert {uid: crowd.service.api.watch_sessions(uid)[1] for uid in (0, 1000)} == before
    crowd.bench.host.login(300, "pts/3", user="carol", uid=1003)
    crowd.bench.run(15)
    assert crowd.service.api.watch_sessions(0)[1] != before[0]
    assert crowd.service.api.watch_sessions(1000)[1] == before[1000]


def test_loop_wakes_for_an_update_that_came_too_soon(stand, monkeypatch):
    waits = []
    monkeypatch.setattr(stand.service._selector, "select", lambda timeout: waits.append(timeout) or [])
    stand.service.reload()
    stand.bench.tick()
    stand.service._wait()
    monkeypatch.setattr(stand.service._server, "next_wake", lambda: stand.bench.host.clock().boot_usec + SECOND // 2)
    stand.service._wait()
    assert waits == [stand.bench.daemon.poll_usec / SECOND, 0.5]


def test_list_says_how_long_the_brake_holds(stand):
    stand.files.policy = make_policy(brake=Brake(sessions=1, per_usec=60 * SECOND))
    stand.service.reload()
    stand.bench.host.login(100, "pts/1")
    stand.bench.host.login(200, "pts/2")
    stand.bench.run(59)
    assert stand.service.api.list_sessions(0)["brake_usec"] is None
    stand.bench.run(20)
    assert 0 < stand.service.api.list_sessions(1000)["brake_usec"] <= 60 * SECOND


@pytest.mark.parametrize("name", ["200.1400", "pts/2", "/dev/pts/2"])
def test_session_is_found_by_each_of_its_names(crowd, name):
    for uid in (0, 1001):
        assert crowd.service.api.explain_session(Peer(1, uid), name)["explanation"]["session"]["user"] == "bob"


@pytest.mark.parametrize("name", ["200.1400", "pts/2", "/dev/pts/2", "", "pts", "x" * 5000, "\ud800"])
def test_session_of_another_user_does_not_exist_for_a_caller(crowd, name):
    with pytest.raises(CallError) as caught:
        crowd.service.api.explain_session(Peer(1, 1000), name)
    assert caught.value.name == "io.reaper.NoSuchSession"
    assert len(caught.value.parameters["session"]) <= 200
