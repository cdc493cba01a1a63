"""What happens to a login: the columns of the table. Each is the same for every application.

Owns what is done in each situation, and what an application must do then.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.apps.scene import IMPATIENT, PASSCODE, WRONG_PASSCODE, Scene
from tests.support.applications.attempts import Application, Attempt

# What the application and its helpers may add to the listener's own time.
_SLACK = 8.0


def right(application: Application, scene: Scene) -> str:
    """The password, and a tap on the phone."""
    scene.duo.answer_always("approve")
    attempt, reasons = _login(application, scene, "here", scene.alice.password)
    assert attempt.is_in, attempt
    assert reasons == ["second_factor"]
    assert scene.duo.counts()["auth"] == 1
    return "in, 1 push"


def wrong(application: Application, scene: Scene) -> str:
    """Another password: nobody's phone rings."""
    scene.duo.answer_always("approve")
    attempt, reasons = _login(application, scene, "here", "wrong")
    assert not attempt.is_in, attempt
    assert set(reasons) == {"primary_refused"}
    assert scene.duo.logins() == 0
    return "refused, no push" if len(reasons) == 1 else f"refused, no push, {len(reasons)} tries"


def denied(application: Application, scene: Scene) -> str:
    """The person says no."""
    scene.duo.answer_always("deny")
    attempt, reasons = _login(application, scene, "here", scene.alice.password)
    assert not attempt.is_in, attempt
    assert set(reasons) == {"denied"}
    return f"refused, {_pushes(scene)}"


def passcode(application: Application, scene: Scene) -> str:
    """A code behind the password, in the application's only field."""
    attempt, reasons = _login(application, scene, "here", f"{scene.alice.password},{PASSCODE}")
    assert attempt.is_in, attempt
    assert reasons == ["second_factor"]
    attempt, reasons = _login(application, scene, "here", f"{scene.alice.password},{WRONG_PASSCODE}")
    assert not attempt.is_in, attempt
    assert set(reasons) == {"denied"}
    assert {call.factor for call in scene.duo.calls("auth")} == {"passcode"}
    return "right in, wrong refused"


def unanswered(application: Application, scene: Scene) -> str:
    """Nobody looks at the phone: the application hears no before it loses patience."""
    scene.duo.answer_always("ignore")
    attempt, reasons = _login(application, scene, "impatient", scene.alice.password)
    assert not attempt.is_in, attempt
    assert set(reasons) == {"timed_out"}
    assert attempt.seconds < IMPATIENT * len(reasons) + _SLACK
    return f"refused in time, {_pushes(scene)}"


def retry(application: Application, scene: Scene) -> str:
    """The same login comes again while the first one waits: one push, one tap, both are in."""
    joined = _joined(scene)
    with ThreadPoolExecutor(2) as pool:
        tries = [pool.submit(application.login, "here", scene.alice.user, scene.alice.password)]
        scene.duo.wait_for_push(scene.alice.duo_name)
        tries.append(pool.submit(application.login, "here", scene.alice.user, scene.alice.password))
        scene.proxy.wait_for(lambda: _joined(scene) > joined, "the second try to wait with the first")
        scene.duo.answer_all("approve")
        attempts = [each.result() for each in tries]
    assert all(attempt.is_in for attempt in attempts), attempts
    assert scene.duo.counts()["auth"] == 1
    return "both in, 1 push"


def others(application: Application, scene: Scene) -> str:
    """While one push waits, somebody else logs in."""
    scene.duo.answer_always("approve", user=scene.other.duo_name)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(application.login, "here", scene.alice.user, scene.alice.password)
        try:
            scene.duo.wait_for_push(scene.alice.duo_name)
            attempt = application.login("here", scene.other.user, scene.other.password)
            is_held_up = waiting.done()
        finally:
            scene.duo.answer_all("approve")
        assert waiting.result().is_in
    scene.duo.answer_always(None, user=scene.other.duo_name)
    assert attempt.is_in, attempt
    assert not is_held_up
    return "not held up"


def away_closed(application: Application, scene: Scene) -> str:
    """Nobody gets in."""
    for credential in (scene.alice.password, f"{scene.alice.password},{PASSCODE}"):
        attempt, reasons = _login(application, scene, "away_closed", credential)
        assert not attempt.is_in, attempt
        assert set(reasons) == {"duo_unavailable"}
    return "refused"


def away_open(application: Application, scene: Scene) -> str:
    """The password is enough, and it must be the right one."""
    attempt, reasons = _login(application, scene, "away_open", scene.alice.password)
    assert attempt.is_in, attempt
    assert reasons == ["fail_mode_open"]
    attempt, reasons = _login(application, scene, "away_open", "wrong")
    assert not attempt.is_in, attempt
    assert set(reasons) == {"primary_refused"}
    return "in by password"


def away_offline(application: Application, scene: Scene) -> str:
    """A code of an offline authenticator is needed, and each is good for one login."""
    attempt, reasons = _login(application, scene, "away_offline", scene.alice.password)
    assert not attempt.is_in, attempt
    assert set(reasons) == {"offline_no_code"}
    credential = f"{scene.alice.password},{scene.offline_code()}"
    attempt, reasons = _login(application, scene, "away_offline", credential)
    assert attempt.is_in, attempt
    assert reasons == ["offline_code"]
    attempt, reasons = _login(application, scene, "away_offline", credential)
    assert not attempt.is_in, attempt
    assert set(reasons) <= {"offline_replayed", "offline_wrong_code"}
    return "in by code, once"


Situation = Callable[[Application, Scene], str]

SITUATIONS: dict[str, Situation] = {
    "right": right,
    "wrong": wrong,
    "denied": denied,
    "passcode": passcode,
    "unanswered": unanswered,
    "retry": retry,
    "others meanwhile": others,
    "Duo away, closed": away_closed,
    "Duo away, open": away_open,
    "Duo away, offline": away_offline,
}


def _login(
    application: Application, scene: Scene, listener: str, credential: str
) -> tuple[Attempt, list[str]]:
    """One login, and the reasons of the binds that it took."""
    since = len(scene.proxy.audit())
    attempt = application.login(listener, scene.alice.user, credential)
    scene.proxy.wait_for(lambda: scene.reasons(since), "an audit line")
    return attempt, scene.reasons(since)


def _joined(scene: Scene) -> float:
    """How many logins wait, or have waited, for the push of another one."""
    sample = 'ldapproxy_joined_binds_total{kind="single_flight",listener="here"}'
    return scene.proxy.metrics().get(sample, 0)


def _pushes(scene: Scene) -> str:
    count = scene.duo.counts()["auth"]
    return "1 push" if count == 1 else f"{count} pushes"
