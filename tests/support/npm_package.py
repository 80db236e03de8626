# SPDX-License-Identifier: Apache-2.0
"""Files out of npm packages that tests read, and never run.

A package is fetched by `npm pack` when a test needs it, into a cache outside of the tree; its
version and checksum are pinned where it is named. Nothing of it is copied into the tree.
"""

import base64
import hashlib
import json
import os
import pathlib
import subprocess
import tarfile
import tempfile

# Some tries within half a minute; npm's own would be minutes.
PATIENCE = ("--fetch-retries=3", "--fetch-retry-mintimeout=2000", "--fetch-retry-maxtimeout=10000",
            "--fetch-timeout=60000")


class Package:
    def __init__(self, name, version, sha512):
        self.name = f"{name}@{version}"
        self.file = f"{name.lstrip('@').replace('/', '-')}-{version}.tgz"
        self.sha512 = sha512

    def json(self, member):
        """One file of it, decoded."""
        with tarfile.open(self.fetch()) as tar:
            return json.load(tar.extractfile(f"package/{member}"))

    def fetch(self):
        """Its archive, from the cache or the registry."""
        home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
        cache = pathlib.Path(home) / "muster-tests"
        kept = cache / self.file
        if self._is_it(kept):
            return kept
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="npm-", dir=cache) as folder:
            got = self._pack(folder, cache)
            assert self._is_it(got), f"{self.name} is not what it was: its checksum differs"
            got.rename(kept)
        return kept

    def _is_it(self, path):
        return (path.is_file() and
                base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode() == self.sha512)

    def _pack(self, folder, cache):
        by_hand = f"put {self.file} into {cache}"
        try:
            done = subprocess.run(["npm", "pack", "--loglevel=error", *PATIENCE, self.name],
                                  cwd=folder, capture_output=True, text=True, timeout=300)
        except FileNotFoundError:
            raise AssertionError(f"{self.name} is fetched by npm, which is not installed; hint: "
                                 f"apt-get install npm, or {by_hand}") from None
        except subprocess.TimeoutExpired:
            raise AssertionError(f"npm did not fetch {self.name} within 5 minutes; hint: "
                                 f"{by_hand}") from None
        got = pathlib.Path(folder) / self.file
        assert done.returncode == 0 and got.is_file(), (
            f"npm cannot fetch {self.name}: {done.stderr.strip()[-500:]}; hint: is the registry "
            f"reachable? Otherwise {by_hand}")
        return got
