"""Each kind of mistake, and the exact message about it."""

import pytest

from reaper.decide.policy.files.parse import parse
from reaper.decide.policy.files.problems import MOST_PROBLEMS, PolicyError, Source


def said(*texts):
    """Returns the mistakes, without the name of the first file."""
    with pytest.raises(PolicyError) as caught:
        parse([Source(f"{rank}.yaml", text) for rank, text in enumerate(texts)])
    return [line[len("0.yaml:") :] if line.startswith("0.yaml:") else line for line in str(caught.value).split("\n")]


WRITE = "write it as 90s, 15min or 1h 30min"
STEPS = "the kernel dates input in steps of 8 seconds, and a limit needs two: one to see the input, one to warn"
EXAMPLE = "see reaper.yaml(5) for an example"
NAME = "letters, digits and . _ @ - after a letter or digit, 64 at most"
HOSTS = "write an address, a network as 10.0.0.0/8 or fd00::/8, or a pattern as *.example.org"
RULE_KEYS = (
    "known: action, activity, busy, busy_max, cpu_floor, grace, hold_max, idle, kill, lock_for, match, max, message,"
    " name, network_floor, notify, robots, share_activity, warn"
)
TOP_KEYS = "known: brake, ceiling, environment, environments, poll, rules, terminal_servers"
LINES = "write lines of key: value"
KEY_VALUE = "write key: value"
POLL = "a shorter poll wastes CPU time, a longer one dates input badly"
HOLD = "a hold is a temporary exception: from 0, for none, to 1w"
NOBODY = "a program's output does not show a user: remove it"
SHELL = "every session has a shell: write the names of programs, such as rsync"
BUSY = "a program delays an end but does not prevent it: from 0 to 1w"
IN_VAIN = "action: lock needs to write on the terminals, which notify: none forbids"
UNITS = "the units are us, ms, s, min, h, d, w"
FIRST = "52s at most: 8s must pass between the last key and the first warning"
NETWORK = "write one address, or a network as 10.0.0.0/8"
DAYS = "the days are Mon, Tue, Wed, Thu, Fri, Sat, Sun; Mon..Fri is a range, Mon,Wed a list"
SESSIONS = "write unlimited, or a number from 1 to 100000; to end none, use action: observe"
NO_NUMBERS = ("0", "-1", "1.5", "0x10", "100001", "never", "ten", "9" * 50)


def rule(text):
    return f"rules:\n- {{name: a, {text}}}"


def match(text):
    return rule(f"match: {{{text}}}")


SYNTAX = [
    ("a: b\n---\nc: d", "2:1: a second document starts here", "remove the ---, or use a drop-in file"),
    ("poll: *a", "1:7: *a is an alias", "write out the value, or quote a pattern: '*a'"),
    ("poll: &a 5s", "1:7: &a is an anchor", "write out the value wherever it is needed"),
    ("a: &a [x, x]\nb: [*a, *a]", "1:4: &a is an anchor", "write out the value wherever it is needed"),
    (match("user: *"), "2:28: a value starts with *", "put a pattern into quotes: '*'"),
    ("poll: !!int 5", "1:7: !!int is a tag", "remove it: a value has the type of its key"),
    (
        "!!python/object/apply:os.system [id]",
        "1:1: !!python/object/apply:os.system is a tag",
        "remove it: a value has the type of its key",
    ),
    ("rules:\n\t- name: a", "2:1: a tab indents this line", "YAML indents by spaces only"),
    (
        "poll: 5s\n  brake: {}",
        "2:8: not YAML: mapping values are not allowed here",
        "check the indentation, or put a value with a colon into quotes",
    ),
    (
        "poll: [5s",
        "1:10: not YAML: while parsing a flow sequence, expected ',' or ']', but got '<stream end>'",
        "close the bracket",
    ),
    ("poll: '5s", "1:10: not YAML: while scanning a quoted scalar, found unexpected end of stream", "close the quotes"),
    (
        "poll: @5",
        "1:7: not YAML: while scanning for the next token, found character '@' that cannot start any token",
        "put the value into quotes",
    ),
    (
        "rules:\n- name: a\n  idle: 1h\n max: 2h",
        "4:2: not YAML: while parsing a block mapping, expected <block end>, but found '<block mapping start>'",
        "indent all lines of a block by the same number of spaces",
    ),
    (
        "poll: 5s\nbrake",
        "2:6: not YAML: while scanning a simple key, could not find expected ':'",
        "write key: value, with a space after the colon",
    ),
    ("%YAML 2.0\n--- {}", "1:1: not YAML: found incompatible YAML document (version 1.* is required)", EXAMPLE),
    ("poll: \x07", "1:7: the character U+0007 is not allowed", "remove it"),
    ("# fine\npoll:\n  \x00", "3:3: the character U+0000 is not allowed", "remove it"),
    (r'poll: "\UFFFFFFFF"', "1:10: an escape or a version here is out of range", "correct it"),
    (f"%YAML {'9' * 5000}.1\n---", "1:7: an escape or a version here is out of range", "correct it"),
    ("[" * 60000, "1:9: nested too deeply", "a policy has at most 8 levels"),
    ("? [a]\n: b", "1:3: a key is a list", "a key is one word"),
    ("~: b", "1:1: a key is empty", "a key is one word"),
]

SHAPE = [
    ("hello", "1:1: the file is 'hello', not a mapping", LINES),
    ("- a", "1:1: the file is a list, not a mapping", LINES),
    ("pol: 5s", "1:1: the file has no key 'pol'", "did you mean poll?"),
    ("xyzzy: 1", "1:1: the file has no key 'xyzzy'", TOP_KEYS),
    ("<<: {}", "1:1: the file has no key '<<'", TOP_KEYS),
    ('"a\\nb": 1', "1:1: the file has no key 'a\\nb'", TOP_KEYS),
    ("poll: 5s\npoll: 6s", "2:1: poll appears twice", "remove one; the other is on line 1"),
    ("poll:", "1:6: the value is missing", "write one, or remove the key"),
    ("poll: [5s]", "1:7: expected a single value, not a list", KEY_VALUE),
    ("poll: {a: b}", "1:7: expected a single value, not a mapping", KEY_VALUE),
    ("brake: 5", "1:8: brake is '5', not a mapping", LINES),
    ("ceiling:", "1:9: ceiling is empty, not a mapping", LINES),
    ("environments: [a]", "1:15: environments is a list, not a mapping", "write NAME: {idle: 15min}"),
    ("environments: {a: 5}", "1:19: environment a is '5', not a mapping", LINES),
    ("environments: {a: {idel: 5}}", "1:20: environment a has no key 'idel'", "did you mean idle?"),
    (
        "environments: {a: {}, a: {}}",
        "1:23: environment a appears twice",
        "merge the two; the other is on line 1",
    ),
    ("environments: {a b: {}}", "1:16: 'a b' is not a valid name", NAME),
    ("environment: lab", "1:14: there is no environment lab", "known: restricted, standard"),
    ("environment: standrad", "1:14: there is no environment standrad", "did you mean standard?"),
    ("rules: {a: b}", "1:8: rules is a mapping, not a list", "start each rule with a dash: - name: NAME"),
    ("rules:", "1:7: rules is empty, not a list", "start each rule with a dash: - name: NAME"),
    ("rules: [a]", "1:9: a rule is 'a', not a mapping", LINES),
    ("rules: [{idle: 1h}]", "1:9: a rule has no name", "add name: NAME; the journal has it"),
    ("rules: [{name: 'a:b'}]", "1:16: 'a:b' is not a valid name", NAME),
    (f"rules: [{{name: {'x' * 65}}}]", f"1:16: '{'x' * 60}...' is not a valid name", NAME),
    ("rules: [{name: a}, {name: a}]", "1:20: rule a appears twice", "rename one; the other is on line 1"),
    (rule("idel: 1h"), "2:13: a rule has no key 'idel'", "did you mean idle?"),
    (rule("xyzzy: 1h"), "2:13: a rule has no key 'xyzzy'", RULE_KEYS),
    (rule("match: ssh"), "2:20: match is 'ssh', not a mapping", LINES),
    (match("usr: a"), "2:21: match has no key 'usr'", "did you mean user?"),
]

NUMBERS = [
    ("poll: soon", "1:7: 'soon' is not a duration", WRITE),
    ("poll: never", "1:7: 'never' is not a duration", "never is not possible here: write a duration"),
    ("poll: 999ms", "1:7: 999ms is shorter than 1s", POLL),
    ("poll: 6m", "1:7: 6m is longer than 5min", POLL),
    (rule("idle: -5m"), "2:19: '-5m' is negative", WRITE),
    (rule("idle: 15s"), "2:19: 15s is shorter than 16s", STEPS),
    (rule("max: 0"), "2:18: 0 is shorter than 16s", STEPS),
    (rule("idle: Never"), "2:19: 'Never' is not a duration", WRITE),
    (rule("idle: 5 minuets"), "2:19: 'minuets' in '5 minuets' is not a unit of time", UNITS),
    (rule("idle: 1m, warn: 53s"), "2:29: the warning 53s before a limit of 1min is too early", FIRST),
    (
        rule("idle: 16s, warn: 20s"),
        "2:30: the warning 20s before a limit of 16s is too early",
        "8s at most: 8s must pass between the last key and the first warning",
    ),
    (rule("max: 1m, warn: [1m, 30s]"), "2:29: the warning 1min before a limit of 1min is too early", FIRST),
    (
        rule("warn: 15m"),
        "2:19: the warning 15min before a limit of 15min is too early",
        "14min 52s at most: 8s must pass between the last key and the first warning",
    ),
    (rule("warn: [1m, 2m, 60s]"), "2:28: the warning 1min before the limit appears twice", "remove one"),
    (rule("warn: [0]"), "2:20: 0 is shorter than 1s", "nobody can react in less time"),
    (rule("warn: never"), "2:19: 'never' is not a duration", "never is not possible here: write a duration"),
    (rule("warn: [1,2,3,4,5,6,7,8,9]"), "2:19: 9 warnings are too many", "8 at most: each is a message"),
    (rule("grace: 0"), "2:20: 0 is shorter than 1s", "programs need a moment to save their data, but no more"),
    (rule("grace: 11m"), "2:20: 11m is longer than 10min", "programs need a moment to save their data, but no more"),
    ("brake: {per: 2d}", "1:14: 2d is longer than 1d", "a brake works over a time from 1s to 1d"),
    *(
        (f"brake: {{sessions: {number}}}", f"1:19: '{number}' is not a number of sessions", SESSIONS)
        for number in NO_NUMBERS
    ),
]

WORDS = [
    (rule("action: kill"), "2:21: 'kill' is not known here", "known: lock, observe, terminate"),
    (rule("action: terminat"), "2:21: 'terminat' is not known here", "did you mean terminate?"),
    (rule("notify: never"), "2:21: 'never' is not known here", "known: none, terminal"),
    (rule("action: lock, notify: none"), f"2:21: {IN_VAIN}", "write action: terminate, or notify: terminal"),
    (
        "environments: {standard: {notify: none}}\n" + rule("action: lock"),
        f"3:21: {IN_VAIN}, which comes from the environment",
        "write action: terminate, or notify: terminal",
    ),
    (
        "environments: {standard: {notify: none, action: lock}}",
        f"1:49: {IN_VAIN}",
        "write action: terminate, or notify: terminal",
    ),
    (rule("kill: all"), "2:19: 'all' is not known here", "known: session, terminal"),
    (rule("activity: keys"), "2:23: 'keys' is not known here", "known: auto, cpu, input, network"),
    (rule("activity: netwrok"), "2:23: 'netwrok' is not known here", "did you mean network?"),
    (rule("activity: []"), "2:23: the list is empty", "without evidence every session is idle: write auto"),
    (rule("network_floor: 16k"), "2:28: '16k' is not a size", "write a whole number with B, KiB, MiB or GiB, as 16KiB"),
    (rule("network_floor: 0B"), "2:28: 0B is less than 1B", "0 bytes are not evidence"),
    (rule("cpu_floor: 2min"), "2:24: 2min is longer than 1min", "of a minute's CPU time"),
    (rule("share_activity: users"), "2:29: 'users' is not known here", "did you mean user?"),
    (rule("busy: /usr/bin/rsync"), "2:19: '/usr/bin/rsync' is a path", "write the name of the file: rsync"),
    (rule("busy: [rsync, /opt/]"), "2:27: '/opt/' is a path", "write the name of the file: opt"),
    (rule("busy: '*'"), "2:19: '*' matches any program", SHELL),
    (rule("busy: '?*'"), "2:19: '?*' matches any program", SHELL),
    (rule("busy: "), "2:18: the value is missing", "write one, or remove the key"),
    (rule("busy: 'a,b'"), "2:19: 'a,b' has a comma", "write a list: [one, two]"),
    (rule("busy_max: never"), "2:23: 'never' is not a duration", "never is not possible here: write a duration"),
    (rule("busy_max: 8d"), "2:23: 8d is longer than 1w", BUSY),
    ("ceiling: {busy_max: 8d}", "1:21: 8d is longer than 1w", BUSY),
    (match("origin: consol"), "2:29: 'consol' is not known here", "did you mean console?"),
    (match("origin: lan"), "2:29: 'lan' is not known here", "known: console, graphical, other, serial, ssh"),
    (match("origin: []"), "2:29: the list is empty", "remove the key to match every origin"),
    (match("user: []"), "2:27: the list is empty", "remove the key to match every user"),
    (match("user: ''"), "2:27: the pattern is empty", "write a name or a pattern, or remove the key"),
    (match("user: 'a,b'"), "2:27: 'a,b' has a comma", "write a list: [one, two]"),
    (match("user: '!a'"), "2:27: '!a' starts with !", "there is no negation: put a rule for them before it"),
    (match("user: 'a '"), "2:27: 'a ' begins or ends with a space", "remove it"),
    (match("user: [[a]]"), "2:28: expected a single value, not a list", KEY_VALUE),
    (match(f"user: {'a' * 257}"), "2:27: the pattern has 257 characters", "256 at most"),
    (match("group: 'a[b'"), "2:28: 'a[b' has a [ without a closing ]", "write [[] for the character itself"),
    (match("service: '[!]'"), "2:30: '[!]' has a [ without a closing ]", "write [[] for the character itself"),
    (match("from: 10.0.0.1/8"), "2:27: 10.0.0.1/8 has host bits set", "write 10.0.0.0/8"),
    (match("from: '10.*'"), "2:27: '10.*' is not an address", NETWORK),
    (match("from: 10.0.0.256"), "2:27: '10.0.0.256' is not an address", NETWORK),
    (match("from: 'fd00:*'"), "2:27: 'fd00:*' is neither an address nor a host name", HOSTS),
    (match("from: 'a b'"), "2:27: 'a b' is neither an address nor a host name", HOSTS),
    (match("elevated: yes"), "2:31: 'yes' is neither true nor false", "write true or false"),
    (match("elevated: [true]"), "2:31: expected a single value, not a list", KEY_VALUE),
    (match("hours: []"), "2:28: the list is empty", "remove the key to match at all hours"),
    (match("hours: 18:00"), "2:28: '18:00' has no end", "write the beginning and the end, as 08:00-18:00"),
    (match("hours: [Mon, Mun]"), "2:34: 'Mun' in 'Mun' is not a day of the week", DAYS),
    ("ceiling: {except: [brek]}\nrules: [{name: break}]", "1:20: there is no rule brek", "did you mean break?"),
    ("ceiling: {except: x}", "1:19: there is no rule x", "there are no rules"),
    ("ceiling: {exept: []}", "1:11: ceiling has no key 'exept'", "did you mean except?"),
    ("brake: {session: 1}", "1:9: brake has no key 'session'", "did you mean sessions?"),
]

LATER = [
    (rule("lock_for: 0"), "2:23: 0 is shorter than 1s", "the user needs time to unlock the session"),
    (rule("lock_for: soon"), "2:23: 'soon' is not a duration", WRITE),
    ("ceiling: {lock_for: 0}", "1:21: 0 is shorter than 1s", "the user needs time to unlock the session"),
    (rule("hold_max: never"), "2:23: 'never' is not a duration", "never is not possible here: write a duration"),
    (rule("hold_max: 8d"), "2:23: 8d is longer than 1w", HOLD),
    ("ceiling: {hold_max: 8d}", "1:21: 8d is longer than 1w", HOLD),
    (rule("activity: [input, output]"), "2:31: 'output' is not in this version of reaper", NOBODY),
]


@pytest.mark.parametrize(("text", "message", "remedy"), [*SYNTAX, *SHAPE, *NUMBERS, *WORDS, *LATER])
def test_one_mistake(text, message, remedy):
    assert said(text) == [f"{message} ({remedy})"]


def test_all_mistakes_are_reported_in_the_order_of_the_files():
    first = "environment: lab\npol: 5s\nrules:\n- {name: a, idle: 1s, match: {origin: [lan, wan], from: '10.*'}}\n"
    second = "poll: 5x\nenvironments: {standard: {warn: 20m}}"
    third = "ceiling: {except: [c]}"
    assert [line.split(" (")[0] for line in said(first, second, third)] == [
        "1:14: there is no environment lab",
        "2:1: the file has no key 'pol'",
        "4:19: 1s is shorter than 16s",
        "4:40: 'lan' is not known here",
        "4:45: 'wan' is not known here",
        "4:57: '10.*' is not an address",
        "1.yaml:1:7: 'x' in '5x' is not a unit of time",
        "1.yaml:2:33: the warning 20min before a limit of 15min is too early",
        "2.yaml:1:20: there is no rule c",
    ]


def test_missing_names_are_not_reported_beside_a_file_that_is_no_yaml():
    assert len(said("poll: 5x\nenvironment: lab\nceiling: {except: [c]}", "rules: [", "poll: 6x")) == 3


def test_one_mistake_causes_no_further_ones():
    """A warning is not compared with a limit that was not understood, nor a name with a rule that has mistakes."""
    assert len(said("environments: {standard: {idle: 3x, warn: 20m}}\nrules: [{name: a, warn: 16m}]")) == 1
    assert len(said("ceiling: {except: a}\nrules: [{name: a, idle: 3x}]")) == 1
    assert len(said("environment: nowhere\nrules: [{name: a, warn: 16m}]")) == 1
    assert len(said("rules: [{name: 'a b', idle: 20s}]")) == 1


def test_file_with_many_mistakes_is_not_read_to_its_end():
    assert len(said("".join(f"k{number}: 1\n" for number in range(500)))) == MOST_PROBLEMS
    assert len(said(match(f"origin: [{'x, ' * 500}]"))) == MOST_PROBLEMS


def test_error_is_one_sentence_and_has_every_problem():
    with pytest.raises(PolicyError) as caught:
        parse([Source("/etc/reaper/reaper.yaml", "a: 1\nb: 2\nc: 3")])
    error = caught.value
    assert error.problem == "policy-invalid"
    assert error.message.startswith("/etc/reaper/reaper.yaml:1:1: the file has no key 'a' (")
    assert error.message.endswith("), and 2 more mistakes")
    assert [(problem.path, problem.line, problem.column) for problem in error.problems] == [
        ("/etc/reaper/reaper.yaml", 1, 1),
        ("/etc/reaper/reaper.yaml", 2, 1),
        ("/etc/reaper/reaper.yaml", 3, 1),
    ]
