"""The command lines of the demo and the simulator, run as processes where they serve."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ldapproxy.demo.command_line import OK, demo, duo_simulator
from ldapproxy.demo.scene import Scene, SceneOptions
from tests.unit.demo.duo_requests import call

RUN = (
    "import sys; from ldapproxy.demo.command_line import duo_simulator; sys.exit(duo_simulator(sys.argv[1:]))"
)
FREE_PORTS = ("--listen", "127.0.0.1:0", "--page", "127.0.0.1:0")


@contextlib.contextmanager
def simulator(*arguments: str) -> Iterator[dict[str, str]]:
    """Runs the command until the context is left, and gives what it printed for the configuration."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, *FREE_PORTS, *arguments], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        lines: list[str] = []
        while not lines or lines[-1] != "\n" or len(lines) < 4:
            line = process.stdout.readline()
            assert line, "the simulator ended early"
            lines.append(line)
        settings: dict[str, str] = yaml.safe_load("".join(lines[2:]))["duo"]["simulator"]
        yield settings
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == OK
    finally:
        process.kill()
        process.communicate()


@dataclass
class Access:
    """What `duo_requests.call` needs to know of a simulator."""

    integration_key: str
    secret_key: str
    ca_file: Path
    port: int


def as_client(settings: dict[str, str]) -> Access:
    """A client that was configured as the command said."""
    return Access(
        integration_key=settings["integration_key"],
        secret_key=Path(settings["secret_key_file"]).read_text().strip(),
        ca_file=Path(settings["ca_file"]),
        port=int(settings["api_host"].rpartition(":")[2]),
    )


def test_what_is_printed_is_what_a_client_needs() -> None:
    with simulator() as settings:
        client = as_client(settings)
        assert call(client, "GET", "check")["time"]
        assert call(client, "POST", "preauth", username="alice")["result"] == "auth"
        folder = Path(settings["ca_file"]).parent
    assert not folder.exists()


def test_a_folder_keeps_keys_and_certificate(tmp_path: Path) -> None:
    arguments = ("--folder", str(tmp_path), "--name", "simulator")
    with simulator(*arguments) as first:
        pass
    with simulator(*arguments) as second:
        assert call(as_client(second), "GET", "check")["time"]
    assert first["integration_key"] == second["integration_key"]


def test_users_come_from_a_file(tmp_path: Path) -> None:
    users = tmp_path / "users.yml"
    users.write_text("- {name: zoe, passcodes: ['123456']}\n- {name: yann, status: bypass}\n")
    key = tmp_path / "key"
    key.write_text("chosen secret key\n")
    with simulator(
        "--users", str(users), "--secret-key-file", str(key), "--integration-key", "DIX"
    ) as settings:
        client = as_client(settings)
        assert (client.integration_key, client.secret_key) == ("DIX", "chosen secret key")
        assert call(client, "POST", "preauth", username="yann")["result"] == "allow"
        assert call(client, "POST", "preauth", username="alice")["result"] == "enroll"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("zoe", "this must be a list of users"),
        ("- {status: active}", "a user lacks name"),
        ("- {name: zoe, status: gone}", "gone is none of active"),
        ("- zoe", "users.yml: "),
        ("- [", "users.yml: "),
    ],
)
def test_a_users_file_that_makes_no_sense(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, sentence: str
) -> None:
    users = tmp_path / "users.yml"
    users.write_text(text)
    assert duo_simulator(["--users", str(users)]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--certificate", "x.pem"], 2, "belong together"),
        (["--users", "/nonexistent/users.yml"], 2, "No such file"),
        (["--secret-key-file", "/nonexistent/key"], 2, "the secret key cannot be read"),
        (["--secret-key-file", "/dev/null"], 2, "the file is empty"),
        (["--certificate", "/nonexistent/x.pem", "--private-key", "/nonexistent/x.key"], 1, "No such file"),
    ],
)
def test_options_that_cannot_be_used(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, sentence: str
) -> None:
    assert duo_simulator([*FREE_PORTS, *arguments]) == code
    message = capsys.readouterr().err
    assert message.startswith("ldapproxy duo-simulator: ")
    assert sentence in message
    assert message.count("\n") == 1


def test_a_port_that_is_taken_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert duo_simulator(["--listen", address, "--page", "127.0.0.1:0"]) == 1
        assert f"{address}: Address already in use" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["8080", ":8080", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:65536"])
def test_an_address_needs_host_and_port(capsys: pytest.CaptureFixture[str], value: str) -> None:
    with pytest.raises(SystemExit) as caught:
        duo_simulator(["--page", value])
    assert caught.value.code == 2
    assert "--page" in capsys.readouterr().err


def test_the_demo_hands_its_options_to_the_scene() -> None:
    scenes: list[Scene] = []

    def run_proxy(make_scene: Any) -> int:
        scenes.append(make_scene(None))
        return 0

    arguments = [
        "--host",
        "::1",
        "--closed-port",
        "1",
        "--open-port",
        "2",
        "--offline-port",
        "5",
        "--portal-port",
        "6",
        "--page",
        "[::]:3",
        "--admin-port",
        "4",
    ]
    assert demo(arguments, run_proxy) == 0
    assert scenes[0].options == SceneOptions("::1", 1, 2, 5, 6, "::", 3, 4)
    assert "ldap://[::1]:1" in scenes[0].commands()[0].command
    assert demo([], lambda make_scene: 7) == 7
