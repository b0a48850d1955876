"""Trouble with one session, one record or the state file: it is told, and the other sessions go on as ever."""

from __future__ import annotations

from reaper.decide.session.model import SessionKey
from reaper.errors import ReaperError
from tests.unit.daemon.seen import signalled


def test_trouble_with_one_session_does_not_stop_the_others(bench):
    trouble = bench.host.login(100, "pts/1")
    bench.host.login(200, "pts/2")
    bench.run(5)
    bench.host.trouble["pts/1"] = RuntimeError("a mistake of ours")
    bench.run(80)
    assert bench.words(200)[-1] == "terminated"
    assert not signalled(trouble)
    assert any("a mistake of ours" in note for note in bench.warnings())
    bench.host.trouble.clear()
    bench.run(30)
    assert bench.words(100)[-1] == "terminated"


def test_problems_of_discovery_are_told(bench):
    bench.host.problems.append(ReaperError("record-broken", "login record 5.7 cannot be read", "look"))
    bench.host.dead_records.append(SessionKey(5, 7))
    bench.run(1)
    assert bench.warnings() == ["login record 5.7 cannot be read (look), ignoring"]
    assert bench.actor.removed == [SessionKey(5, 7)]


def test_a_state_that_cannot_be_written_is_told_once(bench):
    bench.actor.state_trouble = OSError(28, "No space left on device")
    bench.host.login(100, "pts/1")
    bench.run(75)
    assert bench.words()[-1] == "terminated"
    assert bench.warnings() == [
        "cannot save the state: [Errno 28] No space left on device; a restart would start from nothing"
    ]
    bench.actor.state_trouble = None
    bench.run(70)
    bench.actor.state_trouble = OSError(28, "No space left on device")
    bench.run(70)
    assert len(bench.warnings()) == 2
