#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The contract as JSON in a C file, for who asks a server for it.

    embed.py openapi.yaml OUTPUT.c
"""

import json
import sys

import yaml

source, out = sys.argv[1:]
with open(source, encoding="utf-8") as f:
    data = json.dumps(yaml.safe_load(f), separators=(",", ":")).encode()
with open(out, "w", encoding="ascii") as f:
    f.write('#include "aggregator/rest/contract.h"\n\n'
            f"const size_t contract_len = {len(data)};\nconst char contract_json[] = {{\n")
    for at in range(0, len(data), 20):
        f.write("".join(f"{byte}," for byte in data[at:at + 20]) + "\n")
    f.write("0};\n")
