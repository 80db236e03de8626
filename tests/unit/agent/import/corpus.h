/* SPDX-License-Identifier: Apache-2.0 */
/* The corpora of tests/data, and two configurations in libxl's form compared as libxl takes them.
 */
#ifndef MUSTER_TESTS_IMPORT_CORPUS_H
#define MUSTER_TESTS_IMPORT_CORPUS_H

#include "common/base/str.h"
#include "common/base/value.h"

/* Calls `each` for every file of tests/data/FOLDER that ends in `suffix`; at least `least`. */
void corpus_each(const char *folder, const char *suffix, int least,
		 void (*each)(const char *name, const struct mu_str *text));
/* The text of tests/data/PATH; fails the test when there is none. */
void corpus_read(const char *path, struct mu_str *text);
struct mu_value *corpus_json(struct mu_arena *a, const struct mu_str *text);
/* Fails the test, with both texts, unless `found` says what `expected` says: what libxl has as its
 * default may be said or not. */
void corpus_same(struct mu_arena *a, const char *name, const struct mu_value *expected,
		 const struct mu_value *found);

#endif
