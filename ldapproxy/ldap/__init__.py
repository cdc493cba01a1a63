"""LDAP on the ground floor: bytes become values, and nothing else happens (RFC 4511, 4513, 4514).

The files, from the bottom up:

    errors         what this floor refuses                    result_codes  the numbers of RFC 4511
    ber            single elements within hard bounds         operations    tags, names, OIDs of operations
    attributes     one name for each attribute type           dn            distinguished names, compared
    controls       what stands behind an operation            framing       a stream becomes messages
    requests       Bind, Extended, Abandon, Unbind, Compare   responses     LDAPResult, both ways
    filters        what a search filter asserts on            sorting       what a search is sorted by
    search         the SearchRequest                          streaming     heads of passing messages
    messages       all of these messages, to import from      admission     which requests are relayed
    outstanding    what the directory may still answer        actions       what is to be done, as values
    session        the state table of one connection
"""
