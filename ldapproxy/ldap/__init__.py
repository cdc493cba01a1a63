"""ldap"""
