"""Real applications log in through the proxy, against real directories, with the Duo simulator.

`make test-apps` runs them alone and ends with a table: application by situation.
"""
