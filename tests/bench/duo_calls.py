"""What one call to Duo costs this process, alone and while others wait.

    python -m tests.bench.duo_calls

Owns the measurement of `duo.transport` over real TLS on uvloop, with a small Duo in a process of its own. It
must not know how the transport works.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import multiprocessing.connection
import tempfile
import time
from pathlib import Path

import uvloop

from ldapproxy.duo.calls import Endpoint, Failure
from ldapproxy.duo.settings import DuoSettings
from ldapproxy.duo.signing import Signer
from ldapproxy.duo.transport import Transport
from ldapproxy.secret import Secret
from tests.support.duo_faults import HOST, Authority, Behaviour, FaultyServer, read_request, serve
from tests.support.scripted_duo import INTEGRATION_KEY, PHONE, SECRET_KEY

WAITING = (1, 1_000, 5_000)
CALLS = 4_000
AT_A_TIME = 8
ROUNDS = 3  # the quickest counts: this machine may be busy with other things


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description="CPU time of a call to Duo.")
    parser.add_argument("--calls", type=int, default=CALLS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority.create()
        ca_file = authority.write(Path(folder))
        ours, theirs = multiprocessing.Pipe()
        duo = multiprocessing.get_context("fork").Process(target=_duo, args=(authority, theirs), daemon=True)
        duo.start()
        port = ours.recv()
        try:
            print(f"{'waiting':>8}  {'CPU per call':>13}  {'calls per second':>17}")
            for waiting in WAITING:
                cpu, rate = uvloop.run(_measure(_settings(port, ca_file), waiting, arguments.calls))
                print(f"{waiting:>8}  {cpu * 1e6:>10.0f} us  {rate:>17.0f}")
        finally:
            duo.terminate()
            duo.join()


def _settings(port: int, ca_file: Path) -> DuoSettings:
    return DuoSettings(
        name="bench",
        api_host=HOST,
        port=port,
        integration_key=INTEGRATION_KEY,
        secret_key=Secret(SECRET_KEY),
        ca_file=ca_file,
        http_proxy=None,
        connect_timeout=60.0,
        response_timeout=60.0,
        ping_interval=10.0,
    )


async def _measure(settings: DuoSettings, waiting: int, calls: int) -> tuple[float, float]:
    """CPU seconds per call of this process, signature included, and calls per second."""
    transport, signer = Transport(settings), Signer(settings, time.time)

    async def call(endpoint: Endpoint, parameters: dict[str, str]) -> None:
        reply = await transport.send(endpoint, signer.sign(endpoint, parameters), None)
        assert not isinstance(reply, Failure), reply

    async def worker() -> None:
        for _ in range(calls // AT_A_TIME):
            await call(Endpoint.PREAUTH, {"username": "alice"})

    held = [
        asyncio.create_task(call(Endpoint.AUTH_STATUS, {"txid": "45f7c92b-f45f-4862-8545-e0f58e78075a"}))
        for _ in range(waiting)
    ]
    await worker()  # all of `held` are connected behind this, and everything is warm
    await asyncio.sleep(1.0 + waiting / 500)
    best = (float("inf"), 0.0)
    for _ in range(ROUNDS):
        cpu, began = time.process_time(), time.monotonic()
        await asyncio.gather(*(worker() for _ in range(AT_A_TIME)))
        spent = time.process_time() - cpu
        best = min(best, (spent / calls, calls / (time.monotonic() - began)))
    assert not any(task.done() for task in held)
    for task in held:
        task.cancel()
    await asyncio.gather(*held, return_exceptions=True)
    await transport.aclose()
    return best


def _duo(authority: Authority, port: multiprocessing.connection.Connection) -> None:
    """A Duo that answers preauth at once and auth_status never."""
    devices = {"result": "auth", "status_msg": "Account is active", "devices": [PHONE]}
    body = json.dumps({"stat": "OK", "response": devices}).encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )

    def behaviour(_: FaultyServer) -> Behaviour:
        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                request = await read_request(reader)
                if request.startswith(b"GET"):
                    await reader.read()
                    return
                writer.write(answer)
                await writer.drain()

        return behave

    async def run() -> None:
        async with serve(behaviour, authority.server_context()) as server:
            port.send(server.port)
            await asyncio.Event().wait()

    uvloop.run(run())


if __name__ == "__main__":
    main()
