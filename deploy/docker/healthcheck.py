"""Asks the admin address of a running ldapproxy whether it is alive: exit code 0 or 1, and a sentence.

The image's HEALTHCHECK runs it. It asks `/healthz`, not `/readyz`: a container whose directory is away must
not be restarted, because a restart would not bring the directory back and would end the logins that wait.
`http.client` is used because it reads no proxy settings from the environment.
"""

import http.client
import os
import sys

# Below the HEALTHCHECK's own time-out, so that the reason gets into `docker inspect`.
_TIMEOUT_SECONDS = 3.0


def main() -> int:
    """Asks once, and says what came back."""
    address = os.environ.get("LDAPPROXY_ADMIN", "127.0.0.1:9464")
    connection = http.client.HTTPConnection(address, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        sys.stdout.write(f"no answer from http://{address}/healthz: {error}\n")
        return 1
    finally:
        connection.close()
    sys.stdout.write(f"http://{address}/healthz answered {status}\n")
    return 0 if status == http.HTTPStatus.OK else 1


if __name__ == "__main__":
    sys.exit(main())
