"""The scene of the demo, in a process of its own."""

from __future__ import annotations

import socket
import stat
import urllib.request

import pytest

from ldapproxy.app import _most_descriptors
from ldapproxy.auth.outcomes import FailMode
from ldapproxy.config.load import load
from ldapproxy.demo.people import CAST, SHARED_ACCOUNT_DN
from ldapproxy.demo.scene import SceneOptions
from ldapproxy.ldap.dn import DistinguishedName
from tests.unit.demo.scene_process import running_scene

# The listeners' ports are the proxy's to open; here nobody does.
OPTIONS = SceneOptions(page_port=0)


def test_the_configuration_is_one_that_the_proxy_reads() -> None:
    with running_scene(OPTIONS) as scene:
        path = scene.configuration_file
        configuration = load(path, {})
        modes = {listener.name: listener.policy.fail_mode for listener in configuration.listeners}
        assert modes == {mode.value: mode for mode in FailMode}
        assert configuration.offline is not None
        assert configuration.portal is not None
        assert configuration.listener_of(configuration.portal).name == "offline"
        shared = DistinguishedName.parse(SHARED_ACCOUNT_DN)
        assert all(listener.policy.shared == {shared} for listener in configuration.listeners)
        (duo,) = configuration.duo
        assert (duo.api_host, len(duo.secret_key.reveal())) == ("127.0.0.1", 40)
        assert duo.ca_file is not None
        assert duo.ca_file.exists()
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        # A clear-text listener on loopback is nothing to warn about, and every setting has an effect.
        assert configuration.warnings == ()
        assert _most_descriptors(configuration)[1] <= 4096, "a machine with a low limit has that many"
    assert not path.parent.exists(), "the demo leaves nothing behind"


def test_the_instructions_name_every_listener_and_the_page() -> None:
    options = SceneOptions(
        page_port=0,
        closed_port=20001,
        open_port=20002,
        offline_port=20004,
        portal_port=20005,
        admin_port=20003,
    )
    with running_scene(options) as scene:
        for text in (
            "ldapwhoami -x -H ldap://127.0.0.1:20001 -D uid=alice,ou=people,",
            ",dc=example,dc=com -w wonderland\n",
            "ldapwhoami -x -H ldap://127.0.0.1:20002",
            "http://127.0.0.1:20003/",
            "ldapwhoami -x -H ldap://127.0.0.1:20004 -D uid=alice,",
            " -w wonderland,CODE\n",
            "The portal for offline authenticators: https://127.0.0.1:20005/\n",
            "ldapsearch",
            "-w teamwork,@Omar\n",
            "The phone page: http://127.0.0.1:",
        ):
            assert text in scene.instructions


def test_the_phone_page_lists_people_with_passwords_and_commands() -> None:
    with running_scene(OPTIONS) as scene:
        url = scene.instructions.partition("The phone page: ")[2].split()[0]
        with urllib.request.urlopen(f"{url}events", timeout=10) as stream:
            lines = [stream.readline().decode() for _ in range(3)]
        for person in CAST:
            assert f'"name": "{person.uid}", "password": "{person.password}"' in lines[2]
        assert "ldapwhoami" in lines[2]
        assert '"portal_url": "https://127.0.0.1:8444/"' in lines[2]


def test_a_page_port_that_is_taken_is_said_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = SceneOptions(page_port=taken.getsockname()[1])
        with pytest.raises(AssertionError) as caught, running_scene(options):
            pass
    message = str(caught.value)
    assert message.startswith("SceneError: the phone page or the Duo simulator cannot start")
    assert "address already in use" in message
    assert len(message.splitlines()) == 1
