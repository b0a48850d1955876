"""What a rule matches, and the words for what it does not match."""

import pytest

from reaper.decide.policy.match import Match, Origin, Subject, mismatch
from reaper.decide.text.hours import LocalTime, parse_hours

SATURDAY_NIGHT = LocalTime(5, 3 * 60 + 10)
OFFICE = parse_hours("Mon..Fri 08:00-18:00")
WEEKEND = parse_hours("Sat,Sun")


def subject(**given):
    fields = {
        "user": "alice",
        "uid": 1000,
        "groups": frozenset({"alice", "ops"}),
        "origin": Origin.SSH,
        "remote": "10.1.2.3",
        "terminals": ("pts/3",),
        "service": "sshd",
        "elevated": False,
        "local": SATURDAY_NIGHT,
    }
    return Subject(**{**fields, **given})


FITS = [
    (Match(), {}),
    (Match(user=("bob", "al*")), {}),
    (Match(user=("1000",)), {}),
    (Match(user=("1000",)), {"user": "1000", "uid": 7}),
    (Match(group=("o?s",)), {}),
    (Match(group=("alice",)), {}),
    (Match(origin=(Origin.CONSOLE, Origin.SSH)), {}),
    (Match(remote=("10.0.0.0/8",)), {}),
    (Match(remote=("10.1.2.3",)), {}),
    (Match(remote=("10.0.0.0/8",)), {"remote": "::ffff:10.1.2.3"}),
    (Match(remote=("::ffff:10.0.0.0/104",)), {}),
    (Match(remote=("::ffff:10.1.2.3",)), {}),
    (Match(remote=("fe80::/10",)), {"remote": "fe80::1%eth0"}),
    (Match(remote=("2001:db8::/32",)), {"remote": "2001:DB8::1"}),
    (Match(remote=("::/0",)), {"remote": "::1"}),
    (Match(remote=("*.example.org",)), {"remote": "Bastion.Example.ORG."}),
    (Match(remote=("*",)), {}),
    (Match(terminal=("pts/*",)), {}),
    (Match(terminal=("tty*", "pts/9")), {"terminals": ("pts/3", "pts/9")}),
    (Match(terminal=("any",)), {}),
    (Match(terminal=("none",)), {"terminals": ()}),
    (Match(terminal=("none", "tty1")), {"terminals": ("tty1",)}),
    (Match(service=("sshd", "login")), {}),
    (Match(elevated=False), {}),
    (Match(elevated=True), {"elevated": True}),
    (Match(hours=(OFFICE, WEEKEND)), {}),
    (Match(hours=(OFFICE,)), {"local": LocalTime(0, 8 * 60)}),
    (Match(user=("alice",), group=("ops",), origin=(Origin.SSH,), remote=("10.0.0.0/8",), service=("ss*",)), {}),
]


@pytest.mark.parametrize(("match", "given"), FITS)
def test_subject_matches(match, given):
    assert mismatch(match, subject(**given)) == ""


FITS_NOT = [
    (Match(user=("bob", "carol")), {}, "user alice is not bob or carol"),
    (Match(user=("Alice",)), {}, "user alice is not Alice"),
    (Match(user=("\u0661",)), {"uid": 1}, "user alice is not \u0661"),
    (Match(group=("wheel",)), {}, "user alice is not in group wheel"),
    (Match(group=("*",)), {"groups": frozenset()}, "user alice is not in group *"),
    (Match(origin=(Origin.CONSOLE,)), {}, "origin ssh is not console"),
    (Match(remote=("192.168.0.0/16",)), {}, "from 10.1.2.3 is not 192.168.0.0/16"),
    (Match(remote=("10.0.0.0/8",)), {"remote": ""}, "from this host is not 10.0.0.0/8"),
    (Match(remote=("*",)), {"remote": ""}, "from this host is not *"),
    (
        Match(remote=("10.0.0.0/8",)),
        {"remote": "10.0.0.1.evil.example"},
        "from 10.0.0.1.evil.example is not 10.0.0.0/8",
    ),
    (Match(remote=("::/0",)), {}, "from 10.1.2.3 is not ::/0"),
    (Match(remote=("*.example.org",)), {"remote": "example.org"}, "from example.org is not *.example.org"),
    (Match(terminal=("none",)), {}, "terminal pts/3 is not none"),
    (Match(terminal=("any",)), {"terminals": ()}, "terminal none is not any"),
    (Match(terminal=("*",)), {"terminals": ()}, "terminal none is not *"),
    (Match(terminal=("tty*",)), {"terminals": ("pts/3", "pts/4")}, "terminal pts/3, pts/4 is not tty*"),
    (Match(service=("login",)), {}, "service sshd is not login"),
    (Match(service=("login",)), {"service": ""}, "service unknown is not login"),
    (Match(user=("alice",), service=("login",)), {}, "service sshd is not login"),
    (Match(elevated=True), {}, "the session is not elevated"),
    (Match(elevated=False), {"elevated": True}, "the session is elevated"),
    (Match(hours=(OFFICE,)), {}, "now is Sat 03:10, not Mon..Fri 08:00-18:00"),
    (Match(hours=(OFFICE, WEEKEND)), {"local": LocalTime(4, 1080)},
     "now is Fri 18:00, not Mon..Fri 08:00-18:00 or Sat,Sun"),
    (Match(hours=(WEEKEND,)), {"local": None}, "now is unknown, not Sat,Sun"),
]  # fmt: skip


@pytest.mark.parametrize(("match", "given", "why"), FITS_NOT)
def test_mismatch_says_why(match, given, why):
    assert mismatch(match, subject(**given)) == why


@pytest.mark.parametrize("remote", ["%", "1" * 5000, "\udc80", "::ffff:", "[::1]", "10.0.0.1:22", "\x1b[2J"])
def test_hostile_remote_is_only_text(remote):
    assert mismatch(Match(remote=("10.0.0.0/8", "::/0", "bastion")), subject(remote=remote))
