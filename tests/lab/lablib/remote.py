# SPDX-License-Identifier: Apache-2.0
"""Commands and files in dom0, over one kept ssh connection: a handshake takes seconds in the emulator, a further
command on a standing connection tens of milliseconds."""

import contextlib
import os
import shlex
import subprocess
import tarfile

from .base import EmulatorFailed, LabError


class Remote:
    def __init__(self, folder, key, port):
        self.folder = folder
        self.socket = f"{folder}/ssh"
        self.argv = [
            "ssh", "-F", "/dev/null", "-q", "-i", str(key), "-p", str(port), "-l", "root",
            "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "GSSAPIAuthentication=no",
            "-o", "ServerAliveInterval=30", "-o", "ServerAliveCountMax=10",
        ]

    def open(self, connect_timeout_s):
        """Makes the kept connection; False if dom0 does not answer (yet)."""
        self.close()
        argv = self.argv + ["-o", f"ConnectTimeout={connect_timeout_s}", "-o", f"ControlPath={self.socket}",
                            "-o", "ControlMaster=yes", "-o", "ControlPersist=yes", "-fN", "127.0.0.1"]
        # The connection stays in the background: it must not hold the caller's pipes open.
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              start_new_session=True)
        return done.returncode == 0

    def is_open(self):
        return os.path.exists(self.socket) and self._control("check") == 0

    def close(self):
        if os.path.exists(self.socket):
            self._control("exit")
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.socket)  # ssh does it too, in its own time

    def _control(self, verb):
        done = subprocess.run(["ssh", "-F", "/dev/null", "-S", self.socket, "-O", verb, "lab"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return done.returncode

    def command(self, command, tty=False):
        """The argument vector that runs a shell command (a string) or an argument vector (a list) in dom0."""
        if not isinstance(command, str):
            command = shlex.join(str(word) for word in command)
        return self.argv + ["-o", f"ControlPath={self.socket}", "-o", "ControlMaster=no", "-o", "ConnectTimeout=120"] + \
            (["-t"] if tty else []) + ["127.0.0.1", command]

    def run(self, command, timeout=None, input=None, text=True):
        """subprocess.CompletedProcess. ssh's own failures are exit code 255, which our commands do not use."""
        options = {"input": input} if input is not None else {"stdin": subprocess.DEVNULL}
        if text:
            options.update(text=True, errors="replace")
        return subprocess.run(self.command(command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                              **options)

    def put(self, source, target):
        """Copies a file to the path `target`, or what a directory holds into the directory `target`."""
        source = os.path.abspath(source)
        if os.path.isdir(source):
            unpack, members = ["tar", "-C", target, "-xf", "-"], sorted(os.listdir(source))
            prepare, root = target, source
        else:
            if target.endswith("/"):
                target += os.path.basename(source)
            prepare, root = os.path.dirname(target) or ".", os.path.dirname(source)
            # Unpacked beside the target and renamed: a running program can be replaced.
            hidden = os.path.join(prepare, ".lab-put")
            unpack = f"mkdir -p {shlex.quote(hidden)} && tar -C {shlex.quote(hidden)} -xf - && " \
                f"mv -fT {shlex.quote(os.path.join(hidden, os.path.basename(source)))} {shlex.quote(target)} && " \
                f"rmdir {shlex.quote(hidden)}"
            members = [os.path.basename(source)]
        if not isinstance(unpack, str):
            unpack = shlex.join(unpack)
        process = subprocess.Popen(self.command(f"mkdir -p {shlex.quote(prepare)} && {unpack}"), stdin=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

        def as_root(info):
            info.uid = info.gid = 0
            info.uname = info.gname = "root"
            return info
        try:
            with tarfile.open(fileobj=process.stdin, mode="w|", bufsize=1 << 18) as archive:
                for member in members:
                    archive.add(os.path.join(root, member), arcname=member, filter=as_root)
            process.stdin.close()
        except BrokenPipeError:
            pass
        complaint = process.stderr.read().decode(errors="replace").strip()
        process.stderr.close()
        code = process.wait()
        if code == 255:
            raise EmulatorFailed(f"copying {source}: the connection to dom0 is gone")
        if code != 0:
            raise LabError(f"copying {source} to {target}: {complaint}")
