# SPDX-License-Identifier: Apache-2.0
"""Xen Orchestra's published description of its REST API, and answers held against it.

The npm package (AGPL) is fetched by `npm pack` when a test needs it, into a cache outside of the
tree, and only its OpenAPI file is read: nothing of it is copied into the tree or run. The version
and its checksum are pinned here.
"""

import base64
import functools
import hashlib
import json
import os
import pathlib
import subprocess
import tarfile
import tempfile

import jsonschema

PACKAGE = "@xen-orchestra/rest-api"
VERSION = "0.39.0"
FILE = "xen-orchestra-rest-api-0.39.0.tgz"
SHA512 = "+zoGQr09Fz2FYYyIWcUOjKbBQNR0d6WyDLjd2Uom5S04U1TkAkXCAlVjOnPuPqsqHZKIi7qU9bbO6zIxLjy8aA=="
MEMBER = "package/open-api/spec/swagger.json"
# Some tries within half a minute; npm's own would be minutes.
PATIENCE = ("--fetch-retries=3", "--fetch-retry-mintimeout=2000", "--fetch-retry-maxtimeout=10000",
            "--fetch-timeout=60000")
METHODS = ("get", "post", "put", "patch", "delete")


def cache():
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(home) / "muster-tests"


def is_it(path):
    return (path.is_file() and
            base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode() == SHA512)


def fetch():
    """The package's archive, from the cache or the registry."""
    kept = cache() / FILE
    if is_it(kept):
        return kept
    cache().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="npm-", dir=cache()) as folder:
        try:
            done = subprocess.run(["npm", "pack", "--loglevel=error", *PATIENCE,
                                   f"{PACKAGE}@{VERSION}"], cwd=folder,
                                  capture_output=True, text=True, timeout=300)
        except FileNotFoundError:
            raise AssertionError(f"{PACKAGE} is fetched by npm, which is not installed; hint: "
                                 f"apt-get install npm, or put {FILE} into {cache()}") from None
        except subprocess.TimeoutExpired:
            raise AssertionError(f"npm did not fetch {PACKAGE}@{VERSION} within 5 minutes; hint: "
                                 f"put {FILE} into {cache()}") from None
        got = pathlib.Path(folder) / FILE
        assert done.returncode == 0 and got.is_file(), (
            f"npm cannot fetch {PACKAGE}@{VERSION}: {done.stderr.strip()[-500:]}; hint: is the "
            f"registry reachable? Once it was, {kept} is enough")
        assert is_it(got), f"{PACKAGE}@{VERSION} is not what it was: its checksum differs"
        got.rename(kept)
    return kept


def as_json_schema(node):
    """OpenAPI 3.0 has `nullable` where JSON schema has a type."""
    if isinstance(node, list):
        return [as_json_schema(n) for n in node]
    if not isinstance(node, dict):
        return node
    out = {k: as_json_schema(v) for k, v in node.items() if k not in ("nullable", "example")}
    return {"anyOf": [out, {"type": "null"}]} if node.get("nullable") is True else out


class Description:
    def __init__(self):
        with tarfile.open(fetch()) as tar:
            self.document = json.load(tar.extractfile(MEMBER))
        self.schemas = {"components": as_json_schema(self.document["components"])}
        self.operations = {f"{method.upper()} {path}": operation
                           for path, item in self.document["paths"].items()
                           for method, operation in item.items() if method in METHODS}

    @functools.lru_cache(maxsize=None)
    def validator(self, operation, status):
        """None: it says nothing of the body."""
        content = self.operations[operation]["responses"][status].get("content", {})
        schema = content.get("application/json", {}).get("schema")
        if schema is None:
            return None
        resolver = jsonschema.RefResolver("", self.schemas)
        return jsonschema.Draft7Validator(as_json_schema(schema), resolver=resolver)

    def takes(self, operation, parameter):
        return any(p["name"] == parameter
                   for p in self.operations[operation].get("parameters", []))

    def faults(self, operation, status, body):
        """What is wrong with an answer."""
        if str(status) not in self.operations[operation]["responses"]:
            return [f"status {status} is none of {sorted(self.operations[operation]['responses'])}"]
        if status >= 400:
            return [] if isinstance(body, dict) and isinstance(body.get("error"), str) else [
                f"no error in {body!r}"]
        if status == 204:
            return [f"204 with a body: {body!r}"] if body else []
        validator = self.validator(operation, str(status))
        return [] if validator is None else [
            f"{'.'.join(map(str, e.absolute_path)) or '(all)'}: {best(e)}"
            for e in validator.iter_errors(body)]


def best(error):
    """Of an anyOf, what the closest of its branches says."""
    while error.context:
        error = jsonschema.exceptions.best_match(error.context)
    return f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}"
