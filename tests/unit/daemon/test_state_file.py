"""The state file: when it is written, and what happens if it cannot be."""

from __future__ import annotations


def test_state_that_cannot_be_written_is_logged_once(bench):
    bench.actor.state_trouble = OSError(28, "No space left on device")
    bench.host.login(100, "pts/1")
    bench.run(75)
    assert bench.words()[-1] == "terminated"
    assert bench.warnings() == ["cannot save the state: [Errno 28] No space left on device; a restart would begin anew"]
    bench.actor.state_trouble = None
    bench.run(70)
    bench.actor.state_trouble = OSError(28, "No space left on device")
    bench.run(70)
    assert len(bench.warnings()) == 2
