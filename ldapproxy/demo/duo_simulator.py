"""Duo's Auth API v2 as HTTP requests and answers, served by the simulated account.

Owns the checks that every call passes through, and the carrying out of faults. The rules are in
`duo_service`, the port in `duo_listener`; it must not know who the clients are.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from aiohttp import web

from ldapproxy.demo.certificate import CertificateFiles
from ldapproxy.demo.duo_calls import Calls
from ldapproxy.demo.duo_faults import Fault, FaultKind, Faults
from ldapproxy.demo.duo_listener import DuoListener
from ldapproxy.demo.duo_parameters import ApiError, Parameters, required
from ldapproxy.demo.duo_service import Duo
from ldapproxy.demo.duo_signature import SignedRequest, problem_of
from ldapproxy.demo.logo import LOGO
from ldapproxy.secret import Secret

_PREFIX = "/auth/v2/"


class DuoSimulator:
    """An HTTPS server that behaves as Duo's Auth API does.

    Args:
        integration_key: the key that calls must name.
        secret_key: the key that calls must be signed with.
        certificate: what the server presents.
        host: the address to listen on.
        port: the port; 0 takes a free one.

    Raises:
        CertificateError: the certificate cannot be used.

    Attributes:
        duo: the simulated account.
        calls: the record of calls.
        faults: the faults in force.
        listener: the port.
    """

    def __init__(
        self,
        integration_key: str,
        secret_key: Secret,
        certificate: CertificateFiles,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.duo = Duo()
        self.calls = Calls()
        self.faults = Faults()
        self.integration_key = integration_key
        self.secret_key = secret_key
        self.listener = DuoListener(self._serve, certificate, host, port)
        self._endpoints: dict[tuple[str, str], Callable[[Parameters], Awaitable[object]]] = {
            ("GET", "check"): self._check,
            ("POST", "preauth"): self._preauth,
            ("POST", "auth"): self._auth,
            ("GET", "auth_status"): self._auth_status,
            ("POST", "enroll"): self._enroll,
            ("POST", "enroll_status"): self._enroll_status,
        }

    async def start(self) -> None:
        """Opens the port and serves.

        Raises:
            OSError: the address cannot be listened on.
        """
        await self.listener.start()

    async def stop(self) -> None:
        """Closes the port and all connections."""
        await self.listener.stop()

    @property
    def api_host(self) -> str:
        """What to write into `api_host`: host and port."""
        host = f"[{self.listener.host}]" if ":" in self.listener.host else self.listener.host
        return f"{host}:{self.listener.port}"

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers one call, or spoils the answer."""
        body = await request.read()
        try:
            signed, parameters = _signed_request(request, body)
        except ApiError as error:
            return _refusal(error)
        endpoint = signed.path.removeprefix(_PREFIX)
        call = self.calls.add(endpoint, time.time(), parameters)
        fault = self.faults.take(endpoint)
        if fault is None:
            response: web.StreamResponse = await self._answer(endpoint, signed, parameters)
        else:
            response = await self._spoil(fault, request, lambda: self._answer(endpoint, signed, parameters))
        call.status = response.status
        return response

    async def _answer(self, endpoint: str, signed: SignedRequest, parameters: Parameters) -> web.Response:
        """The right answer: method and signature first, then the call itself."""
        if (signed.method, endpoint) == ("GET", "ping"):
            return _success({"time": int(self.duo.now())})
        problem = problem_of(signed, self.integration_key, self.secret_key.reveal(), self.duo.now())
        if problem is not None:
            return _refusal(ApiError(*problem.value))
        if (signed.method, endpoint) == ("GET", "logo"):
            return web.Response(body=LOGO, content_type="image/png")
        call = self._endpoints.get((signed.method, endpoint))
        if call is None:
            return _refusal(ApiError(40401, "Resource not found"))
        try:
            return _success(await call(parameters))
        except ApiError as error:
            return _refusal(error)

    async def _check(self, parameters: Parameters) -> object:
        return {"time": int(self.duo.now())}

    async def _preauth(self, parameters: Parameters) -> object:
        return self.duo.preauth(parameters)

    async def _auth(self, parameters: Parameters) -> object:
        transaction = self.duo.auth(parameters)
        if parameters.get("async") == "1":
            return {"txid": transaction.txid}
        return (await self.duo.transactions.end_of(transaction)).response()

    async def _auth_status(self, parameters: Parameters) -> object:
        return (await self.duo.transactions.news(required(parameters, "txid"))).response()

    async def _enroll(self, parameters: Parameters) -> object:
        return self.duo.accounts.enroll(parameters)

    async def _enroll_status(self, parameters: Parameters) -> object:
        return self.duo.accounts.enroll_status(parameters)

    async def _spoil(
        self, fault: Fault, request: web.BaseRequest, answer: Callable[[], Awaitable[web.Response]]
    ) -> web.StreamResponse:
        """Carries out a fault."""
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.kind is FaultKind.DELAY:
            return await answer()
        if fault.acts:
            await answer()
        match fault.kind:
            case FaultKind.RESPOND:
                return web.Response(
                    status=fault.status,
                    headers={"Content-Type": fault.content_type, **fault.headers},
                    body=fault.body.encode(),
                )
            case FaultKind.TRUNCATE:
                whole = await answer()
                assert isinstance(whole.body, bytes)
                half = web.StreamResponse(headers={"Content-Type": whole.content_type})
                half.content_length = len(whole.body)
                await half.prepare(request)
                await half.write(whole.body[: len(whole.body) // 2])
                _cut(request)
                return half
            case FaultKind.HANG:
                # Until the client leaves or the connections are cut: either cancels this call.
                await asyncio.Event().wait()
                raise AssertionError("nobody sets this event")
            case FaultKind.CLOSE:
                _cut(request)
                return web.Response()


def _cut(request: web.BaseRequest) -> None:
    """Ends the connection of a request without a word."""
    if request.transport is not None:
        request.transport.close()


def _signed_request(request: web.BaseRequest, body: bytes) -> tuple[SignedRequest, Parameters]:
    """The request as its signature sees it, and the parameters of query and body together.

    Raises:
        ApiError: the body is not what its content type says, or a parameter is given twice.
    """
    query = parse_qsl(request.query_string, keep_blank_values=True)
    is_json = request.content_type == "application/json"
    try:
        in_body = _json_parameters(body) if is_json else parse_qsl(body.decode(), keep_blank_values=True)
    except ValueError:
        raise ApiError(40002, "Invalid request parameters", "body") from None
    signed = SignedRequest(
        method=request.method,
        host=request.host,
        path=request.path,
        parameters=query if is_json else query + in_body,
        body=body if is_json else b"",
        headers=[(name.lower(), value) for name, value in request.headers.items()],
    )
    parameters = dict(query + in_body)
    if len(parameters) != len(query) + len(in_body):
        raise ApiError(40002, "Invalid request parameters")
    return signed, parameters


def _json_parameters(body: bytes) -> list[tuple[str, str]]:
    """The parameters of a JSON body.

    Raises:
        ValueError: it is no JSON object of texts, numbers and booleans.
    """
    document = json.loads(body or b"{}")
    if not isinstance(document, dict):
        raise ValueError("not an object")  # noqa: TRY004 - the caller maps one exception
    parameters = []
    for name, value in document.items():
        if isinstance(value, bool):
            value = "1" if value else "0"
        if not isinstance(value, str | int):
            raise ValueError("neither a text nor a number")  # noqa: TRY004
        parameters.append((name, str(value)))
    return parameters


def _success(response: object) -> web.Response:
    return web.json_response({"stat": "OK", "response": response})


def _refusal(error: ApiError) -> web.Response:
    """An error in Duo's shape."""
    document: dict[str, object] = {"stat": "FAIL", "code": error.code, "message": error.message}
    if error.detail is not None:
        document["message_detail"] = error.detail
    return web.json_response(document, status=error.code // 100)
