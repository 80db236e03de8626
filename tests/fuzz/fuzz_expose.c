/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients and hosts can say to pages for Prometheus: an Accept header, and names of series and
 * of things. A page has the length that it announces, and as many lines as it should: no name ends
 * one.
 */
#include "common/base/assert.h"
#include "common/base/mem.h"
#include "common/expose/page.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

/* The text, in three: a label's value, and two names. */
static size_t gather(struct expose_page *p, char *text)
{
	char *name = text + strcspn(text, "|"), *other;
	const struct expose_label label = {"vm_uuid", text};
	const struct expose_object o = {EXPOSE_VM, &label, 1, &label, 1};

	if (*name)
		*name++ = '\0';
	other = name + strcspn(name, "|");
	if (*other)
		*other++ = '\0';
	expose_object(p, &o);
	expose_put(p, EXPOSE_INFO, 1);
	expose_put(p, name, 1.5f);
	expose_put_count(p, name, 1500000000, 0);
	expose_put_count(p, other, UINT64_MAX, 1790000000);
	expose_put(p, other, 1e-9f);
	expose_batch_end(p);
	return expose_n_samples(p);
}

/* A counter's second line. */
static bool says_since(const char *line, const char *end)
{
	const char *name = memchr(line, '{', (size_t)(end - line));

	return name && name - line > 8 && !memcmp(name - 8, "_created", 8);
}

static void check_page(const char *text, enum expose_names names)
{
	MU_CLEANUP(expose_page_free)
	struct expose_page *p = expose_page_new(names, expose_negotiate(text));
	MU_CLEANUP(mu_free) char *copy = mu_xstrdup(text);
	size_t n_samples = gather(p, copy), n_lines = 0, n;
	uint64_t length = expose_page_end(p);
	char piece[EXPOSE_PIECE_MIN];

	while ((n = expose_page_write(p, piece, sizeof piece)) > 0) {
		mu_assert(n <= sizeof piece && n <= length);
		mu_assert(piece[n - 1] == '\n');
		length -= n;
		for (const char *line = piece; line < piece + n;) {
			const char *end = memchr(line, '\n', n - (size_t)(line - piece));

			n_lines += *line != '#' && !says_since(line, end);
			line = end + 1;
		}
	}
	mu_assert(length == 0 && n_lines == n_samples);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MU_CLEANUP(mu_free) char *text = NULL;

	if (size > FUZZ_INPUT_MAX)
		return 0;
	text = mu_xcalloc(1, size + 1);
	memcpy(text, data, size);
	for (unsigned names = 0; names < _EXPOSE_NAMES_COUNT; names++)
		check_page(text, (enum expose_names)names);
	return 0;
}

size_t fuzz_seed(size_t i, uint8_t buf[static FUZZ_INPUT_MAX])
{
	static const char *const seeds[] = {
	    "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
	    "text/plain ; Q=0.5\t,application/openmetrics-text;q=",
	    "web|vif_0_rx|cpu_usage",
	    "a \"b\" \\|vbd_xvda_read|vbd_aggr_write",
	    "|cpu12|vbd_xv\"da_iops_read",
	    "x\ny|memory|memory_internal_free",
	};

	if (i >= MU_ARRAY_SIZE(seeds))
		return 0;
	memcpy(buf, seeds[i], strlen(seeds[i]));
	return strlen(seeds[i]);
}
