"""Lines arrive whole, one a line, or the writer is told."""

from __future__ import annotations

import contextlib
import os
import select
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ldapproxy.observe.sinks import LONGEST_LINE, DescriptorSink, FileSink, Sink, SyslogSink


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        with contextlib.suppress(OSError):  # the test may have closed it
            os.close(descriptor)


def test_lines_appear_in_the_file_in_order(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "audit.log")
    sink.write(b"one")
    sink.write(b"two")
    sink.close()
    assert (tmp_path / "audit.log").read_bytes() == b"one\ntwo\n"


def test_the_file_is_not_readable_by_everybody(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "audit.log")
    sink.write(b"one")
    sink.close()
    assert (tmp_path / "audit.log").stat().st_mode & 0o007 == 0


def test_what_is_in_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(b"earlier\n")
    sink = FileSink(path)
    sink.write(b"later")
    sink.close()
    assert path.read_bytes() == b"earlier\nlater\n"


def test_a_line_that_another_process_left_torn_is_not_continued(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(b"whole\nto")
    sink = FileSink(path)
    sink.write(b"next")
    sink.write(b"after")
    sink.close()
    assert path.read_bytes() == b"whole\nto\nnext\nafter\n"


def test_a_file_that_was_rotated_away_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    sink = FileSink(path)
    sink.write(b"one")
    path.rename(tmp_path / "audit.log.1")
    sink.write(b"two")
    path.unlink()
    sink.write(b"three")
    sink.close()
    assert (tmp_path / "audit.log.1").read_bytes() == b"one\n"
    assert path.read_bytes() == b"three\n"


def test_a_file_that_was_truncated_in_place_is_continued_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    sink = FileSink(path)
    sink.write(b"one")
    os.truncate(path, 0)
    sink.write(b"two")
    sink.close()
    assert path.read_bytes() == b"two\n"


def test_a_missing_folder_is_an_error_until_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "later" / "audit.log"
    sink = FileSink(path)
    with pytest.raises(FileNotFoundError):
        sink.write(b"lost")
    path.parent.mkdir()
    sink.write(b"kept")
    sink.close()
    assert path.read_bytes() == b"kept\n"


def test_a_full_disk_is_an_error() -> None:
    sink = FileSink(Path("/dev/full"))
    with pytest.raises(OSError, match="No space left"):
        sink.write(b"lost")
    sink.close()


def test_a_line_torn_by_a_full_disk_is_not_continued(tmp_path: Path) -> None:
    """A limit on the file's size tears a line the way a full disk does."""
    path = tmp_path / "audit.log"
    pid = os.fork()
    if pid == 0:  # in a process of its own: the limit cannot be raised again for all users
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        sink = FileSink(path)
        sink.write(b"whole")
        soft_limit = 10
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft_limit, hard))
        try:
            sink.write(b"torn-torn-torn")
        except OSError:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            sink.write(b"next")
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert path.read_bytes() == b"whole\ntorn\nnext\n"


def test_no_file_descriptor_is_left_open(tmp_path: Path) -> None:
    before = _open_descriptors()
    path = tmp_path / "audit.log"
    sink = FileSink(path)
    for _ in range(5):
        sink.write(b"line")
        path.unlink()
    sink.close()
    assert _open_descriptors() == before


def _open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _write_until_it_fails(sink: Sink, line: bytes) -> int:
    """How many lines were taken before one was refused because the reader does not keep up."""
    for taken in range(100_000):
        try:
            sink.write(line)
        except BlockingIOError:
            return taken
    raise AssertionError("a reader that sleeps took everything")


def test_a_line_goes_through_a_pipe_in_one_piece(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    sink = DescriptorSink(writer)
    sink.write(b"x" * (LONGEST_LINE - 2))
    sink.write(b"y")
    assert os.read(reader, 2 * LONGEST_LINE) == b"x" * (LONGEST_LINE - 2) + b"\ny\n"


def test_a_reader_that_sleeps_does_not_make_the_writer_wait(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    sink = DescriptorSink(writer)
    line = b"x" * (LONGEST_LINE - 2)
    written = _write_until_it_fails(sink, line)
    assert written > 0
    for _ in range(written):
        os.read(reader, LONGEST_LINE - 1)
    sink.write(b"awake again")
    assert os.read(reader, LONGEST_LINE) == b"awake again\n"


def test_a_reader_that_is_gone_is_an_error(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        DescriptorSink(writer).write(b"lost")


def test_a_closed_standard_output_is_an_error(pipe: tuple[int, int]) -> None:
    _, writer = pipe
    os.close(writer)
    with pytest.raises(OSError, match="Bad file descriptor"):
        DescriptorSink(writer).write(b"lost")


def test_closing_leaves_a_descriptor_that_is_not_ours_open(pipe: tuple[int, int]) -> None:
    _, writer = pipe
    DescriptorSink(writer).close()
    os.fstat(writer)


def test_syslog_gets_a_datagram_with_facility_and_name(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(path))
        sink = SyslogSink(path)
        sink.write(b'{"event": "bind"}')
        assert daemon.recv(1000) == b'<86>ldapproxy[%d]: {"event": "bind"}' % os.getpid()
        sink.close()


def test_a_syslog_daemon_that_was_restarted_gets_the_next_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    sink = SyslogSink(path)
    with pytest.raises(OSError, match="No such file"):
        sink.write(b"lost")
    for line in (b"one", b"two"):
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
            daemon.bind(str(path))
            sink.write(line)
            assert daemon.recv(1000).endswith(line)
    with pytest.raises(ConnectionRefusedError):
        sink.write(b"lost")
    sink.close()


def test_a_syslog_daemon_that_hangs_does_not_make_the_writer_wait(tmp_path: Path) -> None:
    path = tmp_path / "log"
    sink = SyslogSink(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(path))
        assert _write_until_it_fails(sink, b"x" * 1000) > 0
    sink.close()


def test_a_pipe_takes_what_the_limit_promises() -> None:
    assert LONGEST_LINE == select.PIPE_BUF
