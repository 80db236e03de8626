#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who includes whom, against the two tables of docs/style.md."""

import re

import tree

# What a PURE folder may use of the C library: nothing that reaches a clock, a file or a socket.
PURE_LIBC = {
    "assert.h", "ctype.h", "errno.h", "float.h", "inttypes.h", "limits.h", "math.h", "stdalign.h",
    "stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h", "strings.h",
}
LIBC = PURE_LIBC | {
    "dirent.h", "fcntl.h", "fnmatch.h", "getopt.h", "glob.h", "grp.h", "ifaddrs.h", "langinfo.h", "libgen.h", "locale.h",
    "netdb.h", "poll.h", "pthread.h", "pwd.h", "setjmp.h", "signal.h", "spawn.h", "stdatomic.h", "syslog.h", "termios.h",
    "threads.h", "time.h", "unistd.h", "wchar.h",
}
LIBC_FOLDERS = ("arpa/", "linux/", "net/", "netinet/", "sanitizer/", "sys/")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
PROGRAMS = ("common/", "agent/", "aggregator/")


def table(text, marker):
    """Rows of the table behind `<!-- marker -->`, each a list of cells."""
    rows = []
    lines = iter(text.split(f"<!-- {marker} -->", 1)[1].split("\n")[1:])
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows[2:]


def names(cell):
    return re.findall(r"`([^`]+)`", cell)


def read_matrix(root):
    text = (root / "docs/style.md").read_text()
    folders = {}
    for first, allowed, libraries in table(text, "layers"):
        folders[names(first)[0]] = {
            "pure": "PURE" in first, "allowed": names(allowed), "libraries": names(libraries)}
    libraries = {names(first)[0]: names(headers) for first, headers in table(text, "libraries")}
    return folders, libraries


def library_of(libraries, header):
    for library, prefixes in libraries.items():
        if any(header == p or (not p.endswith(".h") and header.startswith(p)) for p in prefixes):
            return library
    return None


def foreign_complaint(rule, folder, libraries, header):
    library = library_of(libraries, header)
    if library:
        if library not in rule["libraries"]:
            return f"{library} is not for {folder}"
        return None
    if header in LIBC or header.startswith(LIBC_FOLDERS):
        if rule["pure"] and header not in PURE_LIBC:
            return f"{folder} is PURE: no clock, file or socket"
        return None
    return "unknown library: name it in docs/style.md first"


def own_complaint(rule, folder, header):
    target = header.rsplit("/", 1)[0] if "/" in header else ""
    if target == folder or target in rule["allowed"] or header in rule["allowed"]:
        return None
    return f"{folder} may not include {target or header}"


def check(root):
    folders, libraries = read_matrix(root)
    complaints = []
    for path in tree.files(root, ".c", ".h"):
        where = tree.name(root, path)
        if not where.startswith(PROGRAMS):
            continue
        folder = where.rsplit("/", 1)[0]
        rule = folders.get(folder)
        if not rule:
            complaints.append(f"{where}: {folder} has no row in docs/style.md")
            continue
        text = path.read_text()
        for match in INCLUDE.finditer(text):
            header = match.group(2)
            if header.startswith(PROGRAMS) or (match.group(1) == '"' and "/" not in header):
                bad = own_complaint(rule, folder, header)
            else:
                bad = foreign_complaint(rule, folder, libraries, header)
            if bad:
                complaints.append(f"{where}:{tree.line_of(text, match.start())}: {header}: {bad}")
    return complaints


if __name__ == "__main__":
    tree.main(check)
