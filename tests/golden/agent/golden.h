/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden cases: a folder of NAME.case files, each an input, a line "---" and what must come of it.
 * The programs here share main(): PROGRAM FOLDER runs all and prints TAP, PROGRAM --update FOLDER
 * writes what comes of them into the files, to be read as a diff of behaviour.
 */
#ifndef MUSTER_TESTS_GOLDEN_AGENT_GOLDEN_H
#define MUSTER_TESTS_GOLDEN_AGENT_GOLDEN_H

#include "common/base/str.h"

/* The program's own: `input` is what stands before the "---". */
void golden_case(const char *input, struct mu_str *out);

#endif
