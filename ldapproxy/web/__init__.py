"""Pages for people and machines that watch the proxy.

settings     where the pages are served
status       what the pages tell: the port that `app.py` implements, as frozen values
pages        the answers themselves: pure, values in, bytes out
admin        serves them over HTTP: /metrics, /healthz, /readyz, / (status page)
"""
