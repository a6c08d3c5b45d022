"""The launcher: a small single-threaded process that makes namespaces and enters them.

`BubblewrapEngine` runs one launcher per Python process, isolated and without site packages, with a Unix socket as
standard input (as an ordinary user inside ``buildah unshare``, so that the launcher is root of a user namespace of its
own). It holds every sandbox as a child: when the socket closes because the owner is gone, even by kill -9, it ends, the
kernel kills the sandboxes with it, and their mounts go with their namespaces. Nothing lies on the host that could be
left behind except empty control groups, which the next sweep removes.

It stands alone (this package imports only itself and the standard library) and, once started, can import nothing more:
its children enter file trees that hostile code wrote.

A request is one packet: descriptors [reply socket, request as JSON in a memfd, others that the operation names].
Replies are JSON packets on the reply socket. Operations: start, alive, shell, listen, exec, put, read, kill, snapshot,
drop, rewind (to be followed by another start), stop.
"""
