"""What a person names is read as a bounded regular file, or refused in one sentence."""

import os
import socket

import pytest

from tfvse import config, parsing, reading
from tfvse.errors import UserError
from tfvse.reading import BadFile


@pytest.fixture
def odd(tmp_path):
    """Paths that must not be waited for: a pipe, a socket, a device, a folder."""
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    return [tmp_path / "pipe", tmp_path / "socket", "/dev/zero", tmp_path]


def test_only_regular_files_are_read(odd):
    for path in odd:
        with pytest.raises(BadFile, match="not a regular file"):
            reading.read_bytes(path, 10)
        with pytest.raises(BadFile, match="not a regular file"):
            reading.open_text(path)


def test_reading_has_a_bound(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert reading.read_bytes(tmp_path / "a", 5) == b"12345"
    with pytest.raises(BadFile, match="too large"):
        reading.read_bytes(tmp_path / "a", 4)


@pytest.mark.parametrize("name", ["none", "a/b", "n" * 300, "null\0byte"])
def test_a_name_that_leads_nowhere_is_told(tmp_path, name):
    (tmp_path / "a").touch()
    with pytest.raises(BadFile, match="missing|name too long"):
        reading.read_bytes(tmp_path / name, 1)


def test_lines_end_at_line_feeds_alone(tmp_path):
    (tmp_path / "a").write_text("one\u2028still\x85one\r\ntwo\n\nfour", newline="")
    assert reading.read_lines(tmp_path / "a") == ["one\u2028still\x85one", "two", "", "four"]


@pytest.mark.parametrize(
    ("data", "sentence"), [(b"a\n\xff", "see line 2"), (b"a\n\nb\0", "line 3 holds a null byte")]
)
def test_what_is_no_text_names_the_line(tmp_path, data, sentence):
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(BadFile, match=sentence):
        reading.read_text(tmp_path / "a")


@pytest.mark.parametrize(
    "text", ["{", "[" * 2000 + "]" * 2000, '{"a": 1, "a": 2}', "1" * 5000, '{"a": "\x01"}']
)
def test_odd_json_is_refused(tmp_path, text):
    (tmp_path / "a").write_text(text)
    with pytest.raises(BadFile, match="not JSON"):
        reading.read_json(tmp_path / "a")


def test_a_flagfile_is_regular_and_so_is_what_it_names(odd, tmp_path):
    (tmp_path / "a.cfg").write_text(f"--flagfile={odd[0]}\n")
    for words in (["--flagfile=/dev/zero"], ["--flagfile", str(tmp_path / "a.cfg")]):
        with pytest.raises(UserError, match="not a regular file"):
            parsing.parse_flags(config.RunConfig, words)
