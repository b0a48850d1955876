"""One pass: plays all scenarios at once on one host under one enforcer, and returns the result of each."""

from __future__ import annotations

import concurrent.futures
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.host.lab import DEFAULT_SUITES, Host, LabError, Workstation

from . import clients
from .enforcers import Enforcer
from .guest import PACKAGES, admit, furnish
from .person import Person
from .scenario import ENDED, KEPT, LATEST, LIMIT, OBSERVED, SHOWN, STEP, WATCHED, Scenario
from .table import Table

STAGGER = 0.8  # seconds between two logins, so that they do not disturb each other
LOOK = 0.25
LOGIN_SECONDS = 60.0
ENDING = 15.0


@dataclass(frozen=True)
class Cell:
    """The result of one scenario under one enforcer."""

    right: bool | None  # None: SHOWN only
    ended: float | None  # seconds after the person's last sign of life; None: still there
    warned: bool | None  # None: there was no terminal to warn on
    error: str = ""  # why it could not be played; then `right` is False
    lost: bool = False  # the session stayed, but a program that the person needed ended


def play_pass(
    suite: str, enforcer: Enforcer, scenarios: Sequence[Scenario], tell: Callable[[Scenario, Cell], None]
) -> tuple[str, dict[str, Cell]]:
    """Returns the enforcer's version, and the cell of each scenario by its name."""
    cells: dict[str, Cell] = {}
    with contextlib.ExitStack() as stack:
        host = stack.enter_context(Host(suite, packages=PACKAGES))
        machines = {
            each: stack.enter_context(Workstation(each, packages=clients.PACKAGES)) for each in {*DEFAULT_SUITES, suite}
        }
        furnish(host)
        version = enforcer.apply(host)
        uids = admit(host, [scenario.name for scenario in scenarios])
        with Table(host) as table, concurrent.futures.ThreadPoolExecutor(len(scenarios)) as pool:
            try:
                running = {}
                for scenario in scenarios:
                    running[pool.submit(play, scenario, host, uids[scenario.name], machines, table)] = scenario
                    time.sleep(STAGGER)
                for done in concurrent.futures.as_completed(running):
                    scenario = running[done]
                    cells[scenario.name] = done.result()
                    tell(scenario, cells[scenario.name])
            except BaseException:
                table.stop()  # or the pool would wait for every scenario
                raise
    return version, {scenario.name: cells[scenario.name] for scenario in scenarios}


def play(scenario: Scenario, host: Host, uid: int, machines: Mapping[str, Workstation], table: Table) -> Cell:
    """Plays one scenario from the login to the verdict. Any exception becomes the error in its cell."""
    person = Person(scenario, host, uid, machines)
    try:
        scenario.play(person)
        session = find_session(person, table)
        if person.has_lost_window():
            return Cell(False, None, None, "a program of the person ended at once")
        return watch(scenario, person, session, table)
    except Exception as error:
        shown = [window.terminal.text[-300:] for window in person.windows]
        return Cell(False, None, None, f"{type(error).__name__}: {error}; on the screens: {shown}"[:1500])
    finally:
        person.leave()


def find_session(person: Person, table: Table) -> set[tuple[int, int]]:
    """Returns the processes of the person's session; waits for clients that do not show when they are logged in."""
    deadline = time.monotonic() + LOGIN_SECONDS
    while time.monotonic() < deadline:
        person.look(0)
        session = table.session(person.uid, person.holder)
        if session:
            return session
    raise LabError("no session of this person is on the host")


def watch(scenario: Scenario, person: Person, session: set[tuple[int, int]], table: Table) -> Cell:
    """Plays the person's habits until the session is over or has stayed long enough; returns the verdict."""
    begin = time.monotonic()
    due = [begin + seconds for seconds, _ in person.habits]
    stays = begin + (OBSERVED if scenario.expect == KEPT else WATCHED)
    lost = False
    while any(table.alive(key) for key in session):
        now = time.monotonic()
        if scenario.expect == KEPT and (person.has_lost_window() or not all(table.alive(key) for key in session)):
            lost = True
            break
        if now >= stays:
            return verdict(scenario, None, warned(scenario, person, now))
        for number, (seconds, habit) in enumerate(person.habits):
            if now >= due[number]:
                due[number] += seconds
                habit()
        person.look(LOOK)
    end = time.monotonic()
    while any(table.alive(key) for key in session) and time.monotonic() < end + ENDING:
        person.look(LOOK)  # the rest of it may be about to end
    person.look(LOOK)
    since = begin if scenario.expect == KEPT else person.sign_at
    return verdict(
        scenario, end - since, warned(scenario, person, end), lost and any(table.alive(key) for key in session)
    )


def warned(scenario: Scenario, person: Person, end: float) -> bool | None:
    """Whether there was a warning in time; None if no terminal could show one."""
    return None if scenario.deaf or not person.has_terminal() else person.warned(end)


def verdict(scenario: Scenario, ended: float | None, told: bool | None, lost: bool = False) -> Cell:
    """Compares what happened with what an administrator wants."""
    right: bool | None
    if scenario.expect == SHOWN:
        right = None
    elif scenario.expect == KEPT:
        right = ended is None
    else:
        right = ended is not None and LIMIT - STEP <= ended <= LATEST + STEP
    assert scenario.expect in (KEPT, ENDED, SHOWN)
    return Cell(right, None if ended is None else round(ended, 1), told, lost=lost)
