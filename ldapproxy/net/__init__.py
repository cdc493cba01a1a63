"""The third floor: Twisted moves bytes.

settings    what this floor is told                        ports       whom it asks: look-up, Duo, audit
listener    one listener: who may connect, how many        server      one client connection
relay       a session and its directory connection, raw    leftover    what is half through at a bind
servers     the servers of a directory, failover           upstream    one directory connection
tls         contexts for both sides                        transport   Twisted's transports as a type
binds       the binds of one listener                      primary     one bind's questions to the directory
pool        connections that wait for their next session   pressure    why a client is not read right now
counted     its answer, counted as a wrong password        lone_binds  binds that belong to no session
perform     runs a bind flow: effect -> call, one deadline pushes      Duo transactions in flight, shared
loop        uvloop; a descriptor has one owner             reactor     Twisted on it
sockets     its TCP transports: write at once              time_limit  for what a task waits for
large_reads when they are read, if much comes; tls_transport: TLS around a listener's connections
held        what all sessions hold in memory together
failures    why a connection was lost, in words
bridge      asyncio's tasks <-> Twisted's Deferreds        lessons     what the end of a bind means later
"""
