"""Which policy files are read, in which order, and which are refused."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reaper.ctl.commands import check
from reaper.decide.policy.defaults import BUILT_IN
from reaper.decide.policy.files.keys import LIMITS, MATCH
from reaper.decide.policy.files.parse import parse
from reaper.decide.policy.files.problems import PolicyError, Source
from reaper.sense.policy_files import MOST_BYTES, MOST_FILES, read_files, read_sources, untrusted

MAIN = "etc/reaper/reaper.yaml"
ETC, RUN, LIB = "etc/reaper/reaper.d", "run/reaper/reaper.d", "usr/lib/reaper/reaper.d"
PACKAGING = Path(__file__).parents[3] / "packaging"
SAMPLE = PACKAGING / "reaper.yaml"
MANUAL = PACKAGING / "man/reaper.yaml.5"


class Root:
    """A root directory to put policy files into."""

    def __init__(self, path):
        self.path = path

    def put(self, name, text="poll: 5s"):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(0o644)
        return path

    def read(self):
        """Returns relative paths and texts of the files that are read."""
        return [(source.path[len(str(self.path)) + 1 :], source.text) for source in read_sources(str(self.path))]

    def names(self):
        return [path for path, _ in self.read()]

    def refused(self):
        with pytest.raises(PolicyError) as caught:
            self.read()
        return [str(problem).replace(f"{self.path}/", "") for problem in caught.value.problems]


@pytest.fixture
def root(tmp_path):
    before = os.umask(0o022)
    yield Root(tmp_path)
    os.umask(before)


def test_no_policy_files_are_no_error(root):
    assert root.read() == []


def test_main_file_comes_first(root):
    root.put(f"{LIB}/00-a.yaml", "lib")
    root.put(MAIN, "main")
    assert root.read() == [(MAIN, "main"), (f"{LIB}/00-a.yaml", "lib")]


def test_drop_ins_are_ordered_by_name_across_directories(root):
    for name in (f"{ETC}/30-c.yaml", f"{LIB}/10-a.yaml", f"{RUN}/20-b.yaml", f"{ETC}/9-d.yaml", f"{LIB}/B.yaml"):
        root.put(name)
    assert root.names() == [
        f"{LIB}/10-a.yaml",
        f"{RUN}/20-b.yaml",
        f"{ETC}/30-c.yaml",
        f"{ETC}/9-d.yaml",
        f"{LIB}/B.yaml",
    ]


def test_etc_wins_over_run_and_usr_lib_for_one_name(root):
    for directory in (ETC, RUN, LIB):
        root.put(f"{directory}/a.yaml")
    for directory in (RUN, LIB):
        root.put(f"{directory}/b.yaml")
    assert root.names() == [f"{ETC}/a.yaml", f"{RUN}/b.yaml"]


def test_overridden_file_is_not_read(root):
    root.put(f"{ETC}/a.yaml")
    root.put(f"{LIB}/a.yaml", b"\xff").chmod(0o666)
    assert root.names() == [f"{ETC}/a.yaml"]


@pytest.mark.parametrize("how", ["link", "empty"])
def test_link_to_dev_null_or_empty_file_masks(root, how):
    root.put(f"{LIB}/a.yaml")
    root.put(f"{LIB}/b.yaml")
    mask = root.put(f"{ETC}/a.yaml", "")
    if how == "link":
        mask.unlink()
        mask.symlink_to("/dev/null")
    assert root.names() == [f"{LIB}/b.yaml"]


def test_masked_main_file_is_no_file(root):
    root.put(MAIN, "")
    assert root.read() == []


def test_leftover_files_are_no_drop_ins(root):
    for name in ("a.yaml~", "a.yaml.dpkg-old", "a.yaml.rpmsave", ".a.yaml", ".a.yaml.swp", "README", "a.conf"):
        root.put(f"{ETC}/{name}", b"\xff")
    assert root.read() == []


@pytest.mark.parametrize("name", ["a.yml", "a.YAML", "a.YML"])
def test_misspelt_extension_is_refused(root, name):
    root.put(f"{ETC}/{name}")
    assert root.refused() == [f"{ETC}/{name}: would be ignored (rename it: drop-ins end in .yaml)"]


def test_link_to_anywhere_else_is_refused(root):
    root.put("elsewhere.yaml")
    root.put(f"{ETC}/a.yaml").unlink()
    (root.path / ETC / "a.yaml").symlink_to("../../../elsewhere.yaml")
    remedy = "put the file itself there; a link to /dev/null masks the name"
    assert root.refused() == [f"{ETC}/a.yaml: is a link to ../../../elsewhere.yaml ({remedy})"]


def test_special_file_is_refused_without_waiting(root):
    root.put(f"{ETC}/a.yaml").unlink()
    os.mkfifo(root.path / ETC / "a.yaml")
    (root.path / ETC / "b.yaml").mkdir()
    remedy = "(put a file there, or link it to /dev/null)"
    assert sorted(root.refused()) == [
        f"{ETC}/a.yaml: is not a regular file {remedy}",
        f"{ETC}/b.yaml: is not a regular file {remedy}",
    ]


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_file_that_others_can_change_is_refused(root, mode):
    root.put(MAIN).chmod(mode)
    said = f"{MAIN}: can be changed by others than its owner (mode {mode:04o}) (remove that permission: chmod go-w)"
    assert root.refused() == [said]


def test_directory_that_others_can_change_is_refused(root):
    root.put(f"{ETC}/a.yaml").parent.chmod(0o777)
    assert root.refused() == [
        f"{ETC}: can be changed by others than its owner (mode 0777) (remove that permission: chmod go-w)"
    ]


def status(mode=0o100644, uid=0):
    return os.stat_result((mode, 1, 1, 1, uid, 0, 10, 0, 0, 0))


def test_only_root_may_own_the_policy_of_a_running_host():
    assert untrusted(status(), {0}) is None
    assert untrusted(status(mode=0o100600), {0}) is None
    assert untrusted(status(uid=1000), {0, 1000}) is None
    refusal = ("belongs to uid 1000", "chown it to root: the owner of a policy file controls every session")
    assert untrusted(status(uid=1000), {0}) == refusal


def test_file_of_another_owner_is_refused(root):
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(root.put(MAIN), 65534, 0)
    assert root.refused() == [
        f"{MAIN}: belongs to uid 65534 (chown it to root: the owner of a policy file controls every session)"
    ]


def test_file_too_large_is_refused(root):
    root.put(MAIN, b"#" * MOST_BYTES)
    assert len(root.read()[0][1]) == MOST_BYTES
    root.put(MAIN, b"#" * (MOST_BYTES + 1))
    hint = "split it into drop-ins: a policy that large would stall the daemon while it is read"
    assert root.refused() == [f"{MAIN}: is larger than 64 KiB ({hint})"]


def test_too_many_files_are_refused(root):
    for number in range(MOST_FILES + 1):
        root.put(f"{ETC}/{number}.yaml")
    assert root.refused() == [f"{ETC}: there are 101 drop-ins (100 at most: merge some)"]


def test_bytes_that_are_not_utf_8_are_refused_with_their_place(root):
    root.put(MAIN, b"poll: 5s\n# Gr\xfc\xdfe")
    assert root.refused() == [f"{MAIN}:2:5: byte 0xfc is not UTF-8 (save it as UTF-8)"]


def test_file_in_place_of_a_directory_is_refused(root):
    root.put(ETC)
    assert root.refused() == [f"{ETC}: cannot be read: Not a directory (it must be a directory)"]


def test_hostile_file_name_is_printed_escaped(root):
    root.put(os.fsdecode(b"etc/reaper/reaper.d/\xff\x1b[2J.yaml"), b"\xff")
    assert root.refused() == [f"{ETC}/\\xff\\x1b[2J.yaml:1:1: byte 0xff is not UTF-8 (save it as UTF-8)"]


def test_all_problems_are_reported_at_once(root):
    root.put(MAIN).chmod(0o666)
    root.put(f"{ETC}/a.yaml", b"\xff")
    root.put(f"{LIB}/b.yml")
    assert len(root.refused()) == 3


def test_named_files_are_read_in_order_from_any_owner(root):
    second, first = root.put("b.yaml", "b"), root.put("a.txt", "a")
    first.chmod(0o666)
    assert [source.text for source in read_files([str(second), str(first)])] == ["b", "a"]
    with pytest.raises(PolicyError) as caught:
        read_files([str(root.path / "none"), str(root.path), str(root.put("c", b"\xff"))])
    assert [problem.message for problem in caught.value.problems] == [
        "cannot be read: No such file or directory",
        "cannot be read: Is a directory",
        "byte 0xff is not UTF-8",
    ]


def test_check_prints_the_merged_policy(root, capsysbinary):
    root.put(MAIN, "environments: {standard: {message: 'Gr\u00fc\u00dfe. {left}'}}")
    assert check.run(["--root", str(root.path)]) == 0
    out, err = capsysbinary.readouterr()
    text = out.decode()
    assert text.startswith(f"# Policy {parse([Source('x', text)]).id}, merged from\n#   {root.path}/{MAIN}\n")
    assert ("Gr\u00fc\u00dfe" in text, err) == (True, b"")


def test_check_reports_that_there_is_no_file(root, capsysbinary):
    assert check.run(["--root", str(root.path)]) == 0
    assert b"#   no file: this is the built-in policy\n" in capsysbinary.readouterr().out


def test_check_reports_every_mistake_and_exits_78(root, capsysbinary):
    root.put(MAIN, "pol: 5s")
    root.put(f"{ETC}/a.yaml", "poll: 1x")
    assert check.run(["--root", str(root.path)]) == 78
    out, err = capsysbinary.readouterr()
    assert out == b""
    assert err.decode().replace(f"{root.path}/", "") == (
        f"{MAIN}:1:1: the file has no key 'pol' (did you mean poll?)\n"
        f"{ETC}/a.yaml:1:7: 'x' in '1x' is not a unit of time (the units are us, ms, s, min, h, d, w)\n"
    )


def test_check_as_json(root, capsysbinary):
    path = root.put("draft.yaml", "poll: 5s")
    assert check.run(["--json", str(path)]) == 0
    report = json.loads(capsysbinary.readouterr().out)
    assert (report["sources"], report["policy"]["poll"], len(report["id"])) == ([str(path)], "5s", 12)
    path.write_text("poll: 5x")
    assert check.run(["--json", str(path)]) == 78
    (problem,) = json.loads(capsysbinary.readouterr().out)["problems"]
    assert (problem["path"], problem["line"], problem["column"]) == (str(path), 1, 7)


def test_sample_as_installed_changes_nothing():
    assert parse(read_files([str(SAMPLE)])).id == BUILT_IN.id


def test_uncommented_sample_is_a_policy_with_the_built_in_defaults():
    """A setting is commented out by a # alone; prose has exactly one space after it."""
    lines = SAMPLE.read_text().splitlines()
    assert all(line == "" or line.startswith("#") for line in lines)
    settings = [line[1:] for line in lines if not re.match(r"#$|# [^ ]", line)]
    policy = parse([Source("sample", "\n".join(settings))])
    assert policy.environment == BUILT_IN.environment
    assert policy.environments == BUILT_IN.environments
    assert (policy.poll_usec, policy.brake) == (BUILT_IN.poll_usec, BUILT_IN.brake)
    assert [rule.name for rule in policy.rules] == ["break-glass", "operators", "robots", "root-at-night", "kiosk"]


def test_every_example_of_the_manual_is_a_policy():
    page = MANUAL.read_text().replace(r"\(dq", '"')
    blocks = re.findall(r"^\.Bd -literal[^\n]*\n([^/].*?)^\.Ed$", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 9
    for block in blocks:
        parse([Source("block", block)])
    examples = dict(re.findall(r"example:\n\.Ql (\w+): (.*)", page, re.IGNORECASE))
    assert set(examples) == {*LIMITS, *MATCH, "poll", "brake", "ceiling", "terminal_servers"}
    for key, value in examples.items():
        line = f"{key}: {value}"
        where = {**dict.fromkeys(MATCH, f"match: {{{line}}}"), **dict.fromkeys(LIMITS, line)}
        parse([Source("example", f"rules: [{{name: break-glass, {where.get(key, '')}}}]")])
        if key not in where:
            parse([Source("example", f"{line}\nrules: [{{name: break-glass}}]")])


def test_daemon_loads_no_module_it_does_not_need():
    """The daemon has 20 MiB: only policies that need OpenSSL, ipaddress, difflib or PyYAML load them."""
    code = """if True:
        import sys
        from reaper.decide.policy.files.parse import parse
        from reaper.decide.policy.files.problems import Source
        from reaper.decide.policy.files.render import describe
        policy = parse([Source('reaper.yaml', '# all comments')])
        policy.id, describe(policy)
        print(*sorted({'yaml', 'difflib', 'ipaddress', '_hashlib', 'socket', 'subprocess'} & set(sys.modules)))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
