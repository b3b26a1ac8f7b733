"""What to do about a file that cannot be used, in a few words for the end of a line that names it."""

from __future__ import annotations

import errno
import getpass
import os
import shlex
from contextlib import suppress
from pathlib import Path

# By the number of the system's error; first what the number stands for where it is several.
_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "make room"),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "close programs, or allow more with `ulimit -n`"),
    errno.EROFS: "it is on a file system that is mounted to be read only",
    errno.ENAMETOOLONG: "use shorter names, or a folder nearer to the top",
    **dict.fromkeys(
        (errno.ENOLCK, errno.ENOTSUP), "its file system has no locks: mount it with them, or clone to another disk"
    ),
    errno.EPIPE: "what reads the output has ended",
}


def remedy(error: OSError) -> str:
    """What to do about an error of the system; "" where that is not known."""
    path = Path(os.fsdecode(error.filename)) if error.filename else None
    if path is not None and error.errno in (errno.EACCES, errno.EPERM):
        return _of_another(path)
    if path is not None and error.errno in (errno.ENOTDIR, errno.EEXIST):
        return in_the_way(path / "any")  # it may itself be what was to be a folder
    if path is not None and error.errno == errno.EISDIR:
        return in_the_way(path)
    return _REMEDIES.get(error.errno or 0, "")


def in_the_way(path: Path) -> str:
    """That a folder on the way to a file is none, or the file is a folder, and to move it; "" if all is well."""
    for part in reversed(path.parents):
        if os.path.lexists(part) and not os.path.isdir(part):
            kind = "a file" if os.path.exists(part) else "a link to nothing"
            return f"{_near(part)} is {kind}, where a folder is needed: move or remove it"
    return f"{_near(path)} is a folder, where a file is needed: move or remove it" if os.path.isdir(path) else ""


def _near(path: Path) -> str:
    """A path as it is seen from here, if it is in this folder."""
    path = path.absolute()
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _of_another(path: Path) -> str:
    """Whose a path is that may not be used, or what of it is there, and how it becomes one's own."""
    path = path.absolute()
    while not os.path.lexists(path):
        path = path.parent
    found = path
    with suppress(KeyError, OSError, NotImplementedError):  # a user without a name; Windows
        owner, me = path.owner(), getpass.getuser()
        while Path.cwd() in path.parent.parents and path.parent.owner() == owner:
            path = path.parent  # all that is theirs, up to a folder of the project; elsewhere that alone
        if owner != me:
            where = shlex.quote(os.path.relpath(path))
            return f"{where} belongs to {owner}: `sudo chown -R {me} {where}` makes it yours"
    return f"make {found} readable and writable"
