"""Duo's Auth API v2 (https://duo.com/docs/authapi): asks for the second factor.

settings    what the configuration says about one Duo application
ports       what the package needs of its neighbours
calls       the endpoints, and the closed set of what may come of a call                      pure
requests    what Duo is told about a login                                                    pure
responses   what Duo's answers, and failed calls, mean for a login                            pure
factors     which device is asked, by which factor                                            pure
signing     signatures, with Duo's clock
transport   HTTPS, and the one table of everything that can go wrong
client      the order of the calls, time limits, repetition: what the other floors use
"""
