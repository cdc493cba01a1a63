"""Where lines go: standard output and error, a file that may be rotated, the local syslog.

Owns that lines stay whole, and that no write waits for a reader that sleeps. It must not know what is in a
line.

A sink raises OSError for a line that it could not write whole. It can be used again afterwards: each line is
a fresh attempt, and a torn line is never continued by the next.
"""

from __future__ import annotations

import os
import select
import socket
import stat
from pathlib import Path
from typing import Protocol

LONGEST_LINE = select.PIPE_BUF
"""Bytes, line end included, that a pipe takes in one piece (pipe(7)), so that lines never mix."""

# Readable by the owner and the group, as log files are; a stricter umask makes it stricter.
_FILE_MODE = 0o640
_SYSLOG_SOCKET = Path("/dev/log")
# Facility authpriv (10), severity informational (6): RFC 3164 section 4.1.1.
_SYSLOG_PRIORITY = 10 * 8 + 6


class Sink(Protocol):
    """Takes lines."""

    def write(self, line: bytes) -> None:
        """Writes one line, whose end is not yet there.

        Raises:
            OSError: the line is lost, wholly or in part.
        """

    def close(self) -> None:
        """Gives back what the sink holds."""


class DescriptorSink:
    """An open file descriptor that somebody else owns: standard output, standard error.

    Args:
        descriptor: the file descriptor; it is never closed here.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines = _Lines()

    def write(self, line: bytes) -> None:
        """Writes one line (`Sink.write`)."""
        self._lines.write(self._descriptor, line)

    def close(self) -> None:
        """Does nothing: the descriptor is not ours."""


class FileSink:
    """A file that is appended to, and opened anew when it was renamed or deleted (logrotate).

    Args:
        path: the file; it is made if it is missing, its folder is not.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._identity: tuple[int, int] | None = None
        self._lines = _Lines()

    def write(self, line: bytes) -> None:
        """Writes one line (`Sink.write`)."""
        if self._identity is None or self._identity != self._identity_on_disk():
            self.close()
            self._open()
        self._lines.write(self._descriptor, line)

    def close(self) -> None:
        """Closes the file; the next line opens it again."""
        descriptor, self._descriptor, self._identity = self._descriptor, -1, None
        if descriptor >= 0:
            os.close(descriptor)

    def _identity_on_disk(self) -> tuple[int, int] | None:
        """What is at the path now. One stat() a line costs about a microsecond."""
        try:
            found = os.stat(self._path)  # noqa: PTH116 - in half the time of Path.stat
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _open(self) -> None:
        # Not blocking: opening a named pipe without a reader fails instead of waiting for one.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        self._descriptor = os.open(self._path, flags, _FILE_MODE)
        found = os.fstat(self._descriptor)
        self._identity = found.st_dev, found.st_ino
        is_regular = stat.S_ISREG(found.st_mode)
        self._lines = _Lines(
            torn=is_regular and not _ends_with_line_end(self._path), has_reader=not is_regular
        )


class SyslogSink:
    """The local syslog daemon.

    Args:
        path: its datagram socket.
    """

    def __init__(self, path: Path = _SYSLOG_SOCKET) -> None:
        self._path = path
        self._socket: socket.socket | None = None

    def write(self, line: bytes) -> None:
        """Writes one line (`Sink.write`)."""
        datagram = b"<%d>ldapproxy[%d]: %s" % (_SYSLOG_PRIORITY, os.getpid(), line)
        if self._socket is not None:
            try:
                self._socket.send(datagram)
            except OSError:
                # The daemon may have been restarted since: one fresh attempt.
                self.close()
            else:
                return
        self._connect().send(datagram)

    def close(self) -> None:
        """Closes the socket; the next line opens it again."""
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            connection.connect(str(self._path))
        except OSError:
            connection.close()
            raise
        self._socket = connection
        return connection


class _Lines:
    """Writes lines to a descriptor, each in one piece.

    Args:
        torn: True when what is there already does not end with a line end.
        has_reader: False for a regular file, which never makes us wait for whoever reads it.
    """

    def __init__(self, torn: bool = False, has_reader: bool = True) -> None:
        self._torn = torn
        self._has_reader = has_reader

    def write(self, descriptor: int, line: bytes) -> None:
        whole = (b"\n" if self._torn else b"") + line + b"\n"
        piece = LONGEST_LINE if self._has_reader else len(whole)
        for at in range(0, len(whole), piece):
            # Whoever reads it may sleep. A pipe that polls writable takes at least PIPE_BUF bytes.
            if self._has_reader and not _is_writable(descriptor):
                raise BlockingIOError("whoever reads it does not keep up")
            written = os.write(descriptor, whole[at : at + piece])
            # What follows a torn line starts on a line of its own.
            self._torn = not whole[: at + written].endswith(b"\n")
            if written < len(whole[at : at + piece]):
                raise OSError("it took only a part of the line; is the disk full?")


def _is_writable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    # POLLERR and POLLHUP also end up in the write, whose error says more.
    return bool(poll.poll(0))


def _ends_with_line_end(path: Path) -> bool:
    """True when the file is empty, ends a line, or cannot be read."""
    try:
        with path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return True
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
    except OSError:
        return True
