/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/mem.h"

#include "common/base/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* GCOVR_EXCL_START: a process that aborts writes no counts */
_Noreturn void mu_assert_failed(const char *expr, const char *file, int line, const char *func)
{
	fprintf(stderr, "%s:%d: %s: assertion failed: %s\n", file, line, func, expr);
	abort();
}
/* GCOVR_EXCL_STOP */

static void *or_abort(void *p)
{
	if (!p) {
		/* GCOVR_EXCL_START: as above */
		fputs("out of memory\n", stderr);
		abort();
		/* GCOVR_EXCL_STOP */
	}
	return p;
}

void *mu_xmalloc(size_t size)
{
	return or_abort(malloc(size ? size : 1));
}

void *mu_xcalloc(size_t n, size_t size)
{
	return or_abort(calloc(n ? n : 1, size ? size : 1));
}

void *mu_xrealloc(void *p, size_t n, size_t size)
{
	return or_abort(reallocarray(p, n ? n : 1, size ? size : 1));
}

char *mu_xstrdup(const char *s)
{
	return or_abort(strdup(s));
}

char *mu_xstrndup(const char *s, size_t max)
{
	return or_abort(strndup(s, max));
}

void *mu_xmemdup(const void *p, size_t size)
{
	void *copy = mu_xmalloc(size);

	if (size)
		memcpy(copy, p, size);
	return copy;
}

char *mu_xasprintf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return or_abort(n < 0 ? NULL : s);
}
