# SPDX-License-Identifier: Apache-2.0
"""The lab: a real Xen host in an emulator, for tests. See docs/testing-lab.md."""
