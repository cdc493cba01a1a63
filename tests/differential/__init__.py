"""The LDAP floor against independent readers of the same bytes and names: pyasn1, ldap3, and slapd itself."""
