/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heap allocation that never returns NULL, and the clean-up attribute.
 *
 * Out of memory aborts: libxl and gRPC do the same, and no caller here could do better. So sizes
 * that come from outside must be bounded before they are allocated. Any thread.
 */
#ifndef MUSTER_BASE_MEM_H
#define MUSTER_BASE_MEM_H

#include <stddef.h>

void *mu_xmalloc(size_t size);
void *mu_xcalloc(size_t n, size_t size);
/* Grows (or makes, from NULL) an array of `n` elements of `size` bytes; overflow aborts. */
void *mu_xrealloc(void *p, size_t n, size_t size);
char *mu_xstrdup(const char *s);
char *mu_xstrndup(const char *s, size_t max);
void *mu_xmemdup(const void *p, size_t size);
/* printf into a new string, to be freed by the caller. */
char *mu_xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * MU_CLEANUP(thing_free) struct thing *t = thing_new();
 * calls thing_free(t) when t leaves its scope. MU_DEFINE_CLEANUP(thing_free, struct thing *) is
 * written once beside thing_free. Hand over with MU_TAKE(t).
 */
#define MU_DEFINE_CLEANUP(func, type)                                                              \
	static inline __attribute__((unused)) void func##_cleanup(type *p)                         \
	{                                                                                          \
		if (*p)                                                                            \
			func(*p);                                                                  \
	}                                                                                          \
	struct mu_cleanup_semicolon_##func
#define MU_CLEANUP(func) __attribute__((cleanup(func##_cleanup)))
#define MU_TAKE(p)                                                                                 \
	__extension__({                                                                            \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})

/* free() for MU_CLEANUP(mu_free): char *, void *, any plain pointer. */
static inline void mu_free_cleanup(void *pp)
{
	void *p;

	__builtin_memcpy(&p, pp, sizeof p);
	__builtin_free(p);
}

#define MU_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MU_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
