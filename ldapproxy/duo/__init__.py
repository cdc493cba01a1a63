"""Duo's Auth API v2 (https://duo.com/docs/authapi): asks for the second factor.

Pure:
    calls         the endpoints, and the closed set of what may come of a call
    requests      what Duo is told about a login
    responses     what Duo's answers, and failed calls, mean for a login
    factors       which device is asked, by which factor
    everybody     which answer decides when all devices of a shared account were asked
    availability  is Duo there? which logins may ask it, and when to ping

Not pure:
    settings      what the configuration says about one Duo application
    ports         what the package needs of its neighbours
    signing       signatures, with Duo's clock
    connections   httpx's transport, over aiohttp: connections, TLS, the HTTP proxy
    transport     HTTPS with httpx, and the one table of everything that can go wrong
    client        the order of the calls, time limits, repetition
    doubts        logins that wait for preauth, and what is asked beside them when Duo is silent
    watch         a client that is watched: the background ping, and availability: what the other floors use
"""
