"""The roof: the configuration file becomes each floor's own settings, or a list of everything wrong with it.

The result and the way to it:

    load            the top level of the file, and what holds between its sections; `load()` is the way in
    configuration   the result: settings of every consumer, side by side
    describe        the result in words, for a reviewer
    describe_listener, describe_pushes, describe_outage, paragraphs     parts of it

Sections of the file, with keys, defaults and bounds:

    directories, duo, listeners, offline, portal, services
    listener_tls, listener_values, username_rewrite, exemptions, pushes, limits     parts of a listener

What they are read with:

    sections        one map, key by key: defaults, required keys, unknown keys
    belonging       where a key belongs that stands in the wrong section
    values          text, booleans, numbers, durations, sizes, choices, lists
    addresses       URLs, hosts, networks        names           DNs, attributes, OIDs, filters
    files           files, and who can read them certificates    PEM files
    secret_sources  x, x_file, x_env
    document        YAML as a tree that knows its lines
    problems        `file:line: path: problem`, and ConfigurationError that carries them all
"""
