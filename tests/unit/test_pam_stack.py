"""PAM's files put together, and files that would never end."""

from __future__ import annotations

import pytest

from reaper.pam_stack import MOST_FILES, MOST_LINES, PamLine, collect, parse_lines


@pytest.mark.parametrize(
    "text", ["@include a\n" * 3, "auth include a\n" * 50, "@include a\nauth substack a\n@include a\n"]
)
def test_number_of_included_files_is_bounded(text):
    """Three times, sixteen levels deep, would be 43 million files without a line."""
    asked = []

    def read(path: str) -> str:
        asked.append(path)
        return text

    assert collect(text, "auth", read) == ()
    assert len(asked) <= MOST_FILES


def test_number_of_included_lines_is_bounded():
    text = "auth required pam_deny.so\n@include a\n@include a\n"
    assert len(collect(text, "auth", lambda _path: text)) <= MOST_LINES


@pytest.mark.parametrize("end", ["", "\\"])
def test_unclosed_bracket_takes_the_rest_of_its_line(end):
    text = f"auth [default=ignore pam_x.so a{end}\nauth [success=1 a\\]=b] pam_y.so\n"
    assert parse_lines(text.replace("\\\n", "\\ \n")) == (PamLine("auth", "success=1 a\\]=b", "pam_y.so"),)


def test_lines_of_unknown_kinds_are_skipped():
    assert parse_lines("* required pam_x.so\nauthx required pam_x.so\n-AUTH Required pam_x.so a\n") == (
        PamLine("auth", "required", "pam_x.so", ("a",)),
    )
