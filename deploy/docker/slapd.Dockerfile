# A real OpenLDAP server with a handful of people, for deploy/docker/compose.yml. Not for production.
FROM debian:bookworm-slim
# No version is pinned: Debian's stable release takes security updates only.
# hadolint ignore=DL3008
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends slapd ldap-utils \
    && rm -rf /var/lib/apt/lists/* /var/lib/ldap/* /etc/ldap/slapd.d
WORKDIR /srv/directory
COPY deploy/docker/directory/slapd.conf deploy/docker/directory/people.ldif ./
RUN mkdir data && slapadd -q -f slapd.conf -l people.ldif && chown -R 10002:10002 data
# The certificate and key for ldaps are mounted at /certificates.
USER 10002:10002
EXPOSE 10636
# -d 0 keeps it in the foreground.
CMD ["/usr/sbin/slapd", "-h", "ldaps://0.0.0.0:10636/", "-f", "/srv/directory/slapd.conf", "-d", "0"]
