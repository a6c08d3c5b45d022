"""Reads what the agent left as data: regular files, at their own place, of bounded size."""

import os
import stat

MIB = 1 << 20
MOST = 16 * MIB  # of a file that is read, and of what a program prints


def read(path, limit=MOST):
    """Returns the bytes of a regular file that is really at `path`."""
    assert os.path.realpath(path) == str(path), f"{path} is reached through a link"
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        assert stat.S_ISREG(os.fstat(file.fileno()).st_mode), f"{path} is no regular file"
        data = file.read(limit + 1)
    assert len(data) <= limit, f"{path} is larger than {limit} bytes"
    return data


def below(folder):
    """Returns the paths of all that is below a folder and is none itself, sorted; a link is no folder."""
    there = [os.path.join(parent, name) for parent, folders, files in os.walk(folder) for name in folders + files]
    return sorted(path for path in there if os.path.islink(path) or not os.path.isdir(path))
