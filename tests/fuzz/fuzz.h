/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a fuzz target exports. With -Dfuzz=true (clang) it is linked with libFuzzer, otherwise with
 * smoke.c, which feeds it mutated seeds: the same entry point, repeatable, a few seconds long.
 *
 *   fuzz-NAME [iterations [seed]]         smoke program
 *   fuzz-NAME --write-corpus DIR          smoke program: its seeds as files, for libFuzzer
 */
#ifndef MUSTER_TESTS_FUZZ_H
#define MUSTER_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

enum { FUZZ_INPUT_MAX = 1 << 16 };

/* The input under test; libFuzzer's entry point. Aborts on a finding. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Writes honest input number `i` (real messages, encoded) into `buf` and returns its length; 0
 * when there are no more. */
size_t fuzz_seed(size_t i, uint8_t buf[static FUZZ_INPUT_MAX]);

#endif
