# SPDX-License-Identifier: Apache-2.0
"""proto/rest/openapi.yaml against what is served: the routes of common/rest and (marked with
`x-muster-part: aggregator`) the aggregator's own, who may call them, the objects' keys, actions."""

import json
import pathlib
import re
import subprocess
import unittest

import jsonschema
import yaml

from http_probe import BUILD
from tests.support.npm_package import Package

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMAS = Package(  # the Initiative's, as a validator carries them
    "@seriousme/openapi-schema-validator", "2.11.0",
    "DL8TjmjkUS76OaK/TinoRtf6PrirsWfMZiv62ifP9eq3UOpoLqSGZKpCErxMzz0i1pjECSPYY+qZ1SRYEgiEvg==")
METHODS = {"get", "post", "put", "patch", "delete"}


class ContractTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document = yaml.safe_load((ROOT / "proto/rest/openapi.yaml").read_text())
        out = subprocess.run([BUILD / "tests/integration/rest_contract"], check=True,
                             capture_output=True, text=True).stdout
        cls.served = [line.split() for line in out.splitlines()]

    def operations(self):
        for path, item in self.document["paths"].items():
            base = item.get("servers", self.document["servers"])[0]["url"].rstrip("/")
            for method in METHODS & item.keys():
                yield method, base + ("" if path == "/" else path), item[method]

    def test_document_is_openapi(self):
        """By the schema that the OpenAPI Initiative publishes: a text with a comma that is not quoted
        in YAML becomes a member that nobody knows."""
        schema = SCHEMAS.json("schemas/v3.0/schema.json")
        document = json.loads(json.dumps(self.document, default=str))  # as it is served
        errors = jsonschema.Draft4Validator(schema).iter_errors(document)
        self.assertEqual([], [f"{'/'.join(map(str, e.path))}: {e.message[:200]}" for e in errors])

    def test_routes(self):
        documented = {(method, path, operation.get("x-muster-part", "common"))
                      for method, path, operation in self.operations()}
        served = {(row[1], row[2], row[4]) for row in self.served if row[0] == "route"}
        self.assertEqual(documented, served)

    def test_no_set_of_routes_is_forgotten(self):
        """What the aggregator adds to its routes, the tests that walk over all of them add too."""
        def added(path):
            return set(re.findall(r"\b(\w+_routes_add)\(", (ROOT / path).read_text()))
        served = added("aggregator/app/app.c")
        self.assertGreater(len(served), 4)
        for test in ("integration/rest_contract.c", "unit/aggregator/rest/test_rights.c"):
            self.assertEqual(served, added("tests/" + test))

    def test_open_routes(self):
        documented = {(method, path) for method, path, operation in self.operations()
                      if operation.get("security") == []}
        served = {(row[1], row[2]) for row in self.served if row[0] == "route" and row[3] == "open"}
        self.assertEqual(documented, served)

    def test_rights(self):
        """What each operation takes is said, first in "Takes: ...", as the table has it; then may
        come what the handler looks at besides."""
        words = {"admin": "administrators"}
        rights = {(row[1], row[2]): words.get(row[3], row[3])
                  for row in self.served if row[0] == "route" and row[3] != "open"}
        said = {}
        for method, path, operation in self.operations():
            for text in re.findall(r"Takes: ([^,.;\s]+)", operation.get("description", "")):
                self.assertIsNone(said.setdefault((method, path), None), path)
                said[method, path] = text
        self.assertEqual(rights, said)

    def test_fields(self):
        for kind in sorted({row[1] for row in self.served if row[0] == "field"}):
            with self.subTest(kind=kind):
                documented = set(self.document["components"]["schemas"][kind]["properties"])
                served = {row[2] for row in self.served if row[:2] == ["field", kind]}
                self.assertEqual(documented, served | {"href"})

    def test_actions(self):
        documented = set(self.document["components"]["schemas"]["Action"]["enum"])
        self.assertEqual(documented, {row[1] for row in self.served if row[0] == "action"})

    def test_calls(self):
        """Every method has a schema with its arguments."""
        schemas = self.document["components"]["schemas"]
        arguments = {row[1]: {} for row in self.served if row[0] == "method"}
        for row in self.served:
            if row[0] == "argument":
                arguments[row[1]][row[2]] = row[3]
        self.assertGreater(len(arguments), 40)
        for method, needs in arguments.items():
            with self.subTest(method=method):
                self.assertEqual(set(needs), set(schemas[method].get("properties", {})))
                self.assertEqual({name for name, need in needs.items() if need == "required"},
                                 set(schemas[method].get("required", [])))

    def test_operations_are_complete(self):
        seen = set()
        for method, path, operation in self.operations():
            with self.subTest(method=method, path=path):
                self.assertNotIn(operation["operationId"], seen)
                seen.add(operation["operationId"])
                self.assertTrue(operation["summary"])
                if operation.get("security") != []:
                    self.assertIn("401", operation["responses"])
                if "{id}" in path:
                    self.assertIn("404", operation["responses"])

    def test_references_exist(self):
        def walk(node):
            if isinstance(node, dict):
                if "$ref" in node:
                    yield node["$ref"]
                for value in node.values():
                    yield from walk(value)
            elif isinstance(node, list):
                for value in node:
                    yield from walk(value)

        for reference in set(walk(self.document)):
            with self.subTest(reference=reference):
                target = self.document
                for part in reference.removeprefix("#/").split("/"):
                    target = target[part]


if __name__ == "__main__":
    unittest.main()
