"""A directory and a Duo to play with, and to test against. Imported by `cli` only.

    command_line   the options of `ldapproxy demo` and `ldapproxy duo-simulator`
    scene          everything around the proxy in the demo, and the proxy's configuration
    people         the cast                               directory   the embedded directory (ldaptor)
    standalone     simulator and phone page, serving      kept        keys and certificate of a simulator
    certificate    a throw-away certificate (trustme)

The simulated Duo, from the words up:

    duo_model          users, devices, progress           duo_parameters    parameters and error codes
    duo_accounts       users, enrolment                   duo_transactions  the life of an authentication
    duo_service        preauth and auth                   duo_signature     is a request signed with our keys?
    duo_calls          what was asked                     duo_faults        ways to misbehave
    duo_simulator      the API over HTTP                  duo_listener      its port, which can be closed
    duo_documents      users and faults as JSON           logo              the account's logo
    control            the control API                    page_server       the clear-text port
    phone_page         the page and its live updates (phone.html, phone.css, phone.js)
"""
