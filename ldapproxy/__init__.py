"""ldapproxy: Duo as a second factor for applications that only know the LDAP simple bind.

The floors, from the ground up; each imports only those below it (checked by import-linter):

    secret      a value that is never shown
    ldap        bytes become LDAP values (RFC 4511, 4513, 4514): bounded, pure
    auth        the decision: credential, policy, bind flow, fail mode, answer, audit record: pure
    directory   look-ups with the service account             duo      Duo's Auth API
    observe     metrics, logs, audit                          web      admin address, portal
    offline     authenticators for the time when Duo is away
    net         Twisted moves bytes: listeners, relay, directory connections, the bind flow's interpreter
    config      the YAML file becomes each floor's own settings
    sign_in     into the self-service portal              self_service    its way to the offline store
    application builds everything and wires it
    app         runs it: event loop, signals                  demo     a directory and a Duo to play with
    check       asks directories, Duo and the offline store whether what is configured works
    offline_commands    what administrators do with offline authenticators
    cli         the commands
"""

__version__ = "0.1.0"
