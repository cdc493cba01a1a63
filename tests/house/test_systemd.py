"""deploy/systemd/ldapproxy.service, as systemd itself reads it."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ldapproxy import cli
from tests.house.files import ROOT
from tests.support.skips import require_program

UNIT = ROOT / "deploy" / "systemd" / "ldapproxy.service"
README = UNIT.with_name("README.md")

# systemd's own scale, times ten: 100 is a service without any protection. What remains is the network, which
# this service is there for.
EXPOSURE_AT_MOST = "18"


def values(setting: str) -> list[str]:
    return re.findall(rf"^{setting}=(.*)$", UNIT.read_text(), flags=re.MULTILINE)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The unit with a program that is there, as an installation has it."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/ldapproxy/bin/ldapproxy", sys.executable))
    return unit


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [require_program("systemd-analyze"), "--no-pager", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_systemd_understands_every_line(installed: Path) -> None:
    done = analyze("verify", str(installed))
    assert (done.returncode, [line for line in done.stderr.splitlines() if UNIT.name in line]) == (0, [])


def test_a_line_that_systemd_does_not_understand_is_noticed(installed: Path) -> None:
    installed.write_text(installed.read_text().replace("ProtectClock=yes", "ProtectClocks=yes"))
    assert "ProtectClocks" in analyze("verify", str(installed)).stderr


def test_the_service_has_no_right_that_it_does_not_need(installed: Path) -> None:
    done = analyze("security", "--offline=true", f"--threshold={EXPOSURE_AT_MOST}", str(installed))
    assert done.returncode == 0, done.stdout


def test_it_runs_a_command_that_there_is() -> None:
    (line,) = values("ExecStart")
    program, *arguments = shlex.split(line)
    assert program == "/opt/ldapproxy/bin/ldapproxy"
    with pytest.raises(SystemExit) as ended:
        cli.main([*arguments, "--help"])
    assert ended.value.code == 0


def test_a_configuration_that_cannot_be_used_is_not_tried_again() -> None:
    assert values("RestartPreventExitStatus") == [str(cli.UNUSABLE)]


def test_the_readme_names_the_credentials_that_the_unit_loads() -> None:
    for line in values("LoadCredential"):
        name, path = line.split(":")
        assert f"/run/credentials/{UNIT.name}/{name}" in README.read_text()
        assert path in README.read_text()
