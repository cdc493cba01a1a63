"""Pages for people and machines that watch the proxy.

settings     where the pages are served

The admin address:

status       what the pages tell: the port that `app.py` implements, as frozen values
pages        the answers themselves: pure, values in, bytes out
admin        serves them over HTTP: /metrics, /healthz, /readyz, / (status page)

The self-service portal for offline authenticators:

portal_ports        whom it asks: sign-in, authenticators
portal              which request leads to which page; signing in and out
portal_enrolment    the steps of somebody who has signed in
portal_sessions     who is signed in, and who is about to be
portal_forms        what a browser sends: cookies, fields, tokens against forged forms
portal_words        what is said to people
portal_pages        templates/ become pages; the header fields of every answer
portal_http         between twisted.web's requests and the portal's visits
portal_site         serves it: HTTPS, limits of connections and of time
"""
