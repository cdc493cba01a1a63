"""Real parts that tests start: slapd, the Duo simulator, certificates, the ldapproxy process."""
