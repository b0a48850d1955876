"""reaperctl policy: print the policy that the files make, with the file and line of each value."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from reaper.control.client import DaemonAbsentError, call
from reaper.ctl import policy_options
from reaper.decide.policy.files.problems import PolicyError
from reaper.decide.policy.match import Origin
from reaper.decide.text.escape import plain

if TYPE_CHECKING:
    from reaper.decide.policy.files.provenance import Application
    from reaper.decide.policy.hypothetical import GivenFacts, HypotheticalSession
    from reaper.decide.policy.rules import Policy
    from reaper.decide.text.hours import LocalTime

HELP = "print the policy with the file and line of each value, or the rule of a session"
_COLUMNS = 80


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the subcommand."""
    policy_options.add_arguments(parser)
    session = parser.add_argument_group("the rule of a session")
    session.add_argument(
        "--for", dest="user", metavar="USER", help="print which rule a session of USER would be under, and why"
    )
    given = [
        session.add_argument("--from", dest="remote", metavar="ADDRESS", help="the remote host (default: none)"),
        session.add_argument(
            "--origin",
            choices=[each.value for each in Origin],
            help="the kind of line (default: ssh with --from, otherwise by --service or --terminal, otherwise console)",
        ),
        session.add_argument(
            "--terminal", metavar="NAME", help="the terminal of the session, or none (default: by the origin)"
        ),
        session.add_argument("--service", metavar="NAME", help="the PAM service (default: by the origin)"),
        session.add_argument(
            "--group",
            dest="groups",
            action="append",
            metavar="NAME",
            help="a group of USER; may be given several times (default: the groups of USER on this host)",
        ),
        session.add_argument("--elevated", action="store_true", help="root acts in the session, by su, sudo or run0"),
        session.add_argument(
            "--at",
            type=_moment,
            metavar="'DAY TIME'",
            help="the day of the week and the time, like 'Mon 14:30' (default: now)",
        ),
    ]
    parser.set_defaults(given=given, fail=parser.error)


def _moment(text: str) -> LocalTime:
    from reaper.decide.text.hours import HoursError, parse_local_time

    try:
        return parse_local_time(plain(text))
    except HoursError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(options: argparse.Namespace) -> int:
    """Prints the policy (0), or every mistake in the files on standard error (78).

    If the daemon enforces another policy than that of the installed files, a line on standard error says so.
    """
    from reaper.decide.policy.files import provenance
    from reaper.decide.policy.files.parse import parse_traced

    given = [each.option_strings[0] for each in options.given if getattr(options, each.dest) not in (None, False)]
    if given and options.user is None:
        options.fail(f"{given[0]} describes a session: give its user with --for USER")
    session = _session(options) if options.user is not None else None
    try:
        policy, draft = parse_traced(policy_options.read(options))
    except PolicyError as error:
        return policy_options.report_mistakes(error, as_json=options.json)
    tree = provenance.trace(policy, draft)
    enforced = None if options.files or options.root != "/" else _enforced()
    answer: dict[str, Any] = {"id": policy.id, "enforced": enforced, "sources": policy.sources}
    if session is None:
        answer["policy"] = provenance.in_json(tree)
        text = "" if options.json else _policy_text(policy, tree)
    else:
        application = provenance.apply(policy, tree, session.subject)
        answer.update(_application(session, application))
        text = "" if options.json else _application_text(policy, session, application)
    policy_options.write(text or json.dumps(answer, indent=2, ensure_ascii=False) + "\n")
    if enforced not in (None, policy.id):
        which = f"policy {enforced}, not these files" if enforced else "no policy at all"
        print(f"reaperd enforces {which}: reload reaper.service, or see reaperctl check", file=sys.stderr)
    return 0


def _enforced() -> str | None:
    """Returns the ID of the daemon's policy, "" if it has none; None if no daemon answers."""
    try:
        return str(call("io.reaper.List", {}).get("policy", ""))
    except DaemonAbsentError:
        return None


def _session(options: argparse.Namespace) -> HypotheticalSession:
    """Returns the session that the options describe; groups that are not given are those of the user on this host."""
    from reaper.decide.policy.hypothetical import hypothetical_session
    from reaper.sense.accounts import read_account, read_groups
    from reaper.sense.clock import read_local_time

    account = read_account(options.user)
    known = read_groups(*account) if account is not None and options.groups is None else None
    if account is None and options.groups is None:
        hint = "give them with --group"
        print(
            f"reaperctl: this host does not know the user {plain(options.user)}: no groups are assumed ({hint})",
            file=sys.stderr,
        )
    return hypothetical_session(_given_facts(options, account), known, read_local_time())


def _given_facts(options: argparse.Namespace, account: tuple[str, int] | None) -> GivenFacts:
    from reaper.decide.policy.hypothetical import GivenFacts
    from reaper.decide.policy.match import NO_TERMINAL
    from reaper.sense.login_sessions import origin_of
    from reaper.sense.terminals import is_console, looks_serial

    terminal = options.terminal
    if terminal is not None and terminal.startswith("/dev/"):
        terminal = terminal[len("/dev/") :]
    line = None
    if options.service is not None or terminal is not None:
        name = terminal or NO_TERMINAL
        kind = Origin.CONSOLE if is_console(name) else None
        if name != NO_TERMINAL and looks_serial(name):  # by its name, as the line may be that of another host
            kind = Origin.SERIAL
        service = "sshd" if options.service is None and kind is None else options.service or ""
        line = origin_of(service, kind, "", is_ssh=False)
    user, uid = account or (options.user, None)
    return GivenFacts(
        user=user,
        uid=uid,
        groups=None if options.groups is None else frozenset(options.groups),
        remote=options.remote,
        origin=None if options.origin is None else Origin(options.origin),
        line=line,
        terminal=terminal,
        service=options.service,
        elevated=options.elevated,
        at=options.at,
    )


def _policy_text(policy: Policy, tree: dict[str, Any]) -> str:
    from reaper.decide.policy.files.annotate import annotate

    read = "".join(f"#   {path}\n" for path in policy.sources) or "#   no file: this is the built-in policy\n"
    return f"# Policy {policy.id}, merged from\n{read}{annotate(tree)}"


def _application(session: HypotheticalSession, application: Application) -> dict[str, Any]:
    from reaper.decide.policy.files.provenance import in_json

    verdict = application.verdict
    return {
        "session": session.document(),
        "rule": application.rule.document(),
        "passed_over": [
            {"rule": application.passed_over[name].document(), "why": plain(why)} for name, why in verdict.passed_over
        ],
        "capped": list(verdict.capped),
        "limits": in_json(application.limits),
    }


def _application_text(policy: Policy, session: HypotheticalSession, application: Application) -> str:
    """Describes the session, the rules that do not match it, and its limits."""
    from reaper.decide.policy.files.annotate import AnnotatedLine, lay_out, line_of, place_of
    from reaper.decide.policy.files.render import flow

    facts = session.document()
    assumed, uid = facts.pop("assumed"), facts.pop("uid")
    assumed["user"] = "unknown here" if uid is None else f"uid {uid}"
    lines = [AnnotatedLine(f"# Under policy {policy.id}, a session of")]
    lines += [
        AnnotatedLine(f"#   {key}: {flow(value)}", (assumed[key],) if key in assumed else ())
        for key, value in facts.items()
    ]
    if application.verdict.passed_over:
        lines.append(AnnotatedLine("# These rules come first and do not fit:"))
    for name, why in application.verdict.passed_over:
        lines.append(AnnotatedLine(f"#   {name}", (place_of(application.passed_over[name]),)))
        lines += map(
            AnnotatedLine, textwrap.wrap(plain(why), _COLUMNS, initial_indent="#     ", subsequent_indent="#     ")
        )
    if application.verdict.rule == policy.fallback:
        place = place_of(application.rule)
        lines.append(AnnotatedLine(f"# No rule fits; environment: {policy.environment}", (place,)))
        owner = "the environment"
    else:
        lines += [AnnotatedLine("# This rule fits:"), line_of("rule", application.rule, "")]
        owner = "the rule"
    lines += [line_of(key, setting, owner) for key, setting in application.limits.items()]
    return lay_out(lines)
