"""The control API of the simulator: JSON over HTTP, for tests and for the phone page.

Owns the translation between JSON and the simulator's own values. It must not know rules or pages.

    GET  /control/state             reachability, and all waiting pushes
    GET  /control/counts            how many calls arrived, by endpoint, and how many pushes wait
    GET  /control/calls             the calls; ?endpoint= and ?username= narrow them
    POST /control/users             add or replace a user (`duo_documents.read_user`)
    POST /control/users/remove      {name}
    POST /control/automatic         {answer, after?, user?}: answer without a person; answer null ends it
    POST /control/answer            {txid, answer}: approve, deny or fraud
    POST /control/answer/all        {answer}: to all that wait
    POST /control/activate          {code}: a phone scans an activation code
    POST /control/reachability      {state}: on, off, silent or reset
    POST /control/settings          {push_timeout?, clock_offset?, trusted_networks?}
    POST /control/faults            {endpoint, kind, ...} (`duo_documents.read_fault`); * is every endpoint
    POST /control/faults/clear      {endpoint?}
    POST /control/certificate       {certificate_file, private_key_file}: present another certificate
    POST /control/calls/forget      forget the calls and their counts
    POST /control/cut               cut all open connections
    POST /control/reset             no users, calls, faults or pushes; default settings; on

An answer is a JSON object; a mistake is answered with 400 and `{"error": "a sentence"}`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path

from aiohttp import web

from ldapproxy.demo.certificate import CertificateError, CertificateFiles
from ldapproxy.demo.duo_documents import Document, allow_only, choice, read_fault, read_user
from ldapproxy.demo.duo_faults import EVERY_ENDPOINT, Reachability
from ldapproxy.demo.duo_model import Answer, AutomaticAnswer
from ldapproxy.demo.duo_simulator import DuoSimulator


class Control:
    """The control API of one simulator."""

    def __init__(self, simulator: DuoSimulator) -> None:
        self._simulator = simulator

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Adds the paths of the control API."""
        router.add_get("/control/state", self._state)
        router.add_get("/control/counts", self._counts)
        router.add_get("/control/calls", self._calls)
        for path, action in {
            "users": self._put_user,
            "users/remove": self._remove_user,
            "automatic": self._automatic,
            "answer": self._answer,
            "answer/all": self._answer_all,
            "activate": self._activate,
            "reachability": self._reachability,
            "settings": self._settings,
            "faults": self._put_fault,
            "faults/clear": self._clear_faults,
            "certificate": self._certificate,
            "calls/forget": self._forget_calls,
            "reset": self._reset,
            "cut": self._cut,
        }.items():
            router.add_post(f"/control/{path}", _post(action))

    async def _state(self, request: web.Request) -> web.Response:
        simulator = self._simulator
        return web.json_response(
            {
                "reachability": simulator.listener.reachability.value,
                "waiting": [asdict(push) for push in simulator.duo.transactions.waiting()],
            }
        )

    async def _counts(self, request: web.Request) -> web.Response:
        simulator = self._simulator
        return web.json_response(
            {"calls": simulator.calls.counts(), "waiting": simulator.duo.transactions.waiting_count()}
        )

    async def _calls(self, request: web.Request) -> web.Response:
        calls = self._simulator.calls.last(request.query.get("endpoint"), request.query.get("username"))
        return web.json_response({"calls": [asdict(call) for call in calls]})

    async def _put_user(self, document: Document) -> None:
        self._simulator.duo.accounts.put(read_user(document))

    async def _remove_user(self, document: Document) -> None:
        self._simulator.duo.accounts.remove(str(document["name"]))

    async def _automatic(self, document: Document) -> None:
        automatic = None
        if document["answer"] is not None:
            automatic = AutomaticAnswer(choice(Answer, document["answer"]), float(document.get("after", 0)))
        if document.get("user") is None:
            self._simulator.duo.automatic = automatic
            return
        user = self._simulator.duo.accounts.named(str(document["user"]))
        if user is None:
            raise ValueError(f"there is no user {document['user']}")
        user.automatic = automatic

    async def _answer(self, document: Document) -> None:
        answer = choice(Answer, document["answer"])
        if not self._simulator.duo.transactions.answer(str(document["txid"]), answer):
            raise ValueError("this push is not waiting any more")

    async def _answer_all(self, document: Document) -> None:
        self._simulator.duo.transactions.answer_all(choice(Answer, document["answer"]))

    async def _activate(self, document: Document) -> None:
        if not self._simulator.duo.accounts.claim_activation(str(document["code"])):
            raise ValueError("this activation code is unknown, used or expired")

    async def _reachability(self, document: Document) -> None:
        await self._simulator.listener.set_reachability(choice(Reachability, document["state"]))

    async def _settings(self, document: Document) -> None:
        duo = self._simulator.duo
        allow_only(document, "setting", "push_timeout", "clock_offset", "trusted_networks")
        duo.push_timeout = float(document.get("push_timeout", duo.push_timeout))
        duo.clock_offset = float(document.get("clock_offset", duo.clock_offset))
        if "trusted_networks" in document:
            duo.trusted_networks = tuple(map(ipaddress.ip_network, document["trusted_networks"]))

    async def _put_fault(self, document: Document) -> None:
        endpoint = str(document.get("endpoint", EVERY_ENDPOINT))
        fault = {key: value for key, value in document.items() if key != "endpoint"}
        self._simulator.faults.put(endpoint, read_fault(fault))

    async def _clear_faults(self, document: Document) -> None:
        self._simulator.faults.clear(document.get("endpoint"))

    async def _certificate(self, document: Document) -> None:
        certificate, key = Path(document["certificate_file"]), Path(document["private_key_file"])
        try:
            await self._simulator.listener.use_certificate(CertificateFiles(certificate, key))
        except CertificateError as error:
            raise ValueError(str(error)) from error

    async def _forget_calls(self, document: Document) -> None:
        self._simulator.calls.forget()

    async def _reset(self, document: Document) -> None:
        self._simulator.duo.reset()
        self._simulator.calls.forget()
        self._simulator.faults.clear()
        await self._simulator.listener.set_reachability(Reachability.ON)

    async def _cut(self, document: Document) -> None:
        self._simulator.listener.cut_connections()


def _post(
    action: Callable[[Document], Awaitable[None]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Reads the JSON body for `action`, and answers with what became of it."""

    async def respond(request: web.Request) -> web.Response:
        try:
            document = await request.json()
            if not isinstance(document, dict):
                return _mistake("the body must be a JSON object")
            await action(document)
        except KeyError as error:
            return _mistake(f"{error.args[0]} is missing")
        except (ValueError, TypeError, AttributeError) as error:
            return _mistake(str(error))
        return web.json_response({})

    return respond


def _mistake(sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=400)
