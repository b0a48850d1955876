"""A daemon among fakes, under a clock that the test advances."""

from __future__ import annotations

from reaper.daemon.core import Daemon
from reaper.decide.output.events import Event
from reaper.decide.policy.files import render
from reaper.decide.policy.rules import Policy
from reaper.decide.session import snapshot
from reaper.decide.session.state import Phase
from reaper.decide.session.tracked_session import TrackedSession
from tests.unit.fakes import FakeActor, FakeHost, FakeJournal
from tests.unit.logins import FakeLogin
from tests.unit.simulated import SECOND


class Bench:
    """A daemon among fakes, and a loop whose clock jumps to the daemon's next moment."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.host = FakeHost()
        self.actor = FakeActor(self.host)
        self.journal = FakeJournal()
        self.daemon = self.start()
        if policy is not None:
            self.adopt(policy)

    def start(self) -> Daemon:
        """Starts a daemon that knows no session."""
        return Daemon(self.host, self.actor, self.journal, "host1", "b00t")  # type: ignore[arg-type]

    def adopt(self, policy: Policy) -> None:
        self.daemon.adopt(policy, render.describe(policy), self.host.clock())

    def tick(self) -> None:
        self.daemon.tick(self.host.clock())

    def run(self, seconds: float) -> None:
        """Lets time pass while the daemon runs."""
        end = self.host.time.boot_usec + round(seconds * SECOND)
        for _ in range(100_000):
            self.tick()
            wake = max(self.daemon.next_wake(), self.host.time.boot_usec)
            assert wake > self.host.time.boot_usec, "the daemon spins"
            self.host.time.boot_usec = min(wake, end)
            if wake >= end:
                self.tick()
                return
        raise AssertionError("the daemon never sleeps")

    def restart(self) -> None:
        """The daemon ends as at SIGTERM, and another goes on from its state."""
        self.daemon.save()
        self.resume()

    def resume(self) -> None:
        """Another daemon goes on from the state that was saved last, as the loop has it do."""
        state = snapshot.decode(self.host.state, "b00t")
        policy = self.daemon.policy
        assert policy is not None
        self.daemon = self.start()
        self.adopt(policy)
        self.daemon.restore(state, self.host.clock())
        self.adopt(policy)

    def tracked(self, login: FakeLogin | None = None) -> TrackedSession:
        """What the daemon knows of a session; of the only one where none is named."""
        if login is not None:
            return self.daemon.sessions[login.session.key]
        (tracked,) = self.daemon.sessions.values()
        return tracked

    def phase(self, login: FakeLogin | None = None) -> Phase:
        return self.tracked(login).life.phase

    def sleep(self, seconds: float) -> None:
        """Lets time pass while the daemon does not run."""
        self.host.time.boot_usec += round(seconds * SECOND)

    def words(self, pid: int | None = None) -> list[str]:
        """Returns the words of the events about one session, or about all."""
        return [event.kind.word for event in self.events(pid)]

    def events(self, pid: int | None = None, word: str = "") -> list[Event]:
        """Returns the events about one session or all, of one kind or all."""
        return [
            event
            for event in self.journal.events
            if event.fields.get("leader")
            and (pid is None or event.fields["leader"] == str(pid))
            and word in ("", event.kind.word)
        ]

    def warnings(self) -> list[str]:
        """Returns the notes that are no events."""
        return [message for _, message in self.journal.notes]
