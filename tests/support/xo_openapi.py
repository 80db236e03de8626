# SPDX-License-Identifier: Apache-2.0
"""Xen Orchestra's published description of its REST API, and answers held against it.

Of the npm package (AGPL) only its OpenAPI file is read (tests/support/npm_package.py).
"""

import functools

import jsonschema

from tests.support.npm_package import Package

XEN_ORCHESTRA = Package(
    "@xen-orchestra/rest-api", "0.39.0",
    "+zoGQr09Fz2FYYyIWcUOjKbBQNR0d6WyDLjd2Uom5S04U1TkAkXCAlVjOnPuPqsqHZKIi7qU9bbO6zIxLjy8aA==")
METHODS = ("get", "post", "put", "patch", "delete")


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
        self.document = XEN_ORCHESTRA.json("open-api/spec/swagger.json")
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
