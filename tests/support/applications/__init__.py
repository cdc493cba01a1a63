"""Real applications that log people in by LDAP, as they are installed from Debian, pointed at listeners.

attempts     one login as an application sees it
postgresql   PostgreSQL: simple bind, search and bind, StartTLS
apache       Apache's mod_authnz_ldap: search and bind, groups by Compare
pam          PAM by nslcd
sssd         PAM by sssd
own_mounts   a mount namespace for programs whose files have fixed paths

Each application is started once for several listeners, and logs in through the one that is named. None of
them may know what a test expects.
"""
