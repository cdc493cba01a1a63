"""An outage in words, for each fail mode, with the times that are configured."""

from __future__ import annotations

from typing import Any

import pytest

from ldapproxy.auth.outcomes import FailMode
from ldapproxy.config.describe_outage import describe_outage
from tests.unit.config.sample import Sample


def told(sample: Sample, **keys: Any) -> str:
    sample.listener.update(keys)
    configuration = sample.load()
    (listener,) = configuration.listeners
    return " ".join(describe_outage(listener.policy, configuration.duo[0], configuration.offline))


@pytest.mark.parametrize("mode", list(FailMode))
def test_the_beginning_and_the_end_are_the_same_for_all(sample: Sample, mode: FailMode) -> None:
    if mode is FailMode.OFFLINE:
        sample.add_offline()
    sample.duo.update(connect_timeout="2s", response_timeout="5s", ping_interval="7s")
    text = told(sample, fail_mode=mode.value)
    assert text.startswith(
        "First: a login waits for 2s when Duo cannot be reached, for 5s when it says nothing, and is then"
    )
    assert (
        "After 3 failed calls in a row, pings (every 7s, sooner after a failure) included: no login" in text
    )
    assert text.endswith(
        "the first ping that is answered sends logins to Duo again. Nothing has to be restarted."
    )


def test_closed(sample: Sample) -> None:
    text = told(sample)
    assert "Meanwhile: nobody gets in, whatever is typed." in text
    assert "as ever" not in text


def test_open(sample: Sample) -> None:
    assert (
        "Meanwhile: the password is enough, for everybody. Each such login is a warning in the log"
        in told(sample, fail_mode="open")
    )


def test_open_is_for_those_who_may_log_in_at_all(sample: Sample) -> None:
    text = told(sample, fail_mode="open", require_group="cn=vpn,dc=example,dc=com")
    assert "Meanwhile: the password is enough, for members of cn=vpn,dc=example,dc=com only. Each" in text
    assert "everybody" not in text


def test_offline(sample: Sample) -> None:
    sample.add_offline(max_logins=7, max_age="3d")
    text = told(sample, delimiter="+")
    for sentence in (
        "Meanwhile: people type password+123456, the digits being the code that their offline authenticator",
        "or an unused recovery code. Nobody else gets in.",
        "A person has 7 such logins, within 3d since the last one that Duo allowed (at first, since enrolme",
        "The wrong code number 5 in a row locks the account for 60s, each further one for twice as long, at "
        "most 1h.",
    ):
        assert sentence in text


def test_who_needs_no_duo_gets_in_as_ever(sample: Sample) -> None:
    exempt = [{"dn": "cn=a,dc=example,dc=com"}]
    assert "Who is exempt gets in as ever. In the end" in told(sample, exempt=exempt)
    both = told(sample, remember={"for": "8h"})
    assert "Who is exempt gets in as ever, and so does a remembered login. In the end" in both
    assert "A remembered login gets in as ever. In the end" in told(sample, exempt=[])
