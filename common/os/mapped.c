/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fault comes to the thread that looks, at the instruction that does: from there the handler
 * jumps back to who began the copy, which holds nothing that would have to be given back.
 */
#include "common/os/mapped.h"

#include "common/base/assert.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static _Thread_local sigjmp_buf *volatile copying; /* by this thread, or NULL */
static struct sigaction before;

static void on_sigbus(int signal)
{
	if (copying)
		siglongjmp(*copying, 1);
	(void)sigaction(signal, &before, NULL); /* nobody's here: it happens again at once */
}

static void catch_sigbus(void)
{
	/* Not blocked meanwhile: it is left by a jump. */
	struct sigaction sa = {.sa_handler = on_sigbus, .sa_flags = SA_NODEFER | SA_ONSTACK};

	int rc = sigaction(SIGBUS, &sa, &before);

	mu_assert(rc == 0);
}

static bool is_within(const struct mu_mapped *m, int64_t at, size_t n_bytes)
{
	return at >= m->at && (uint64_t)(at - m->at) <= m->n_bytes &&
	       n_bytes <= m->n_bytes - (size_t)(at - m->at);
}

int mu_mapped_init(struct mu_mapped *m, int fd, int64_t at, size_t n_bytes, struct mu_error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const int64_t begin = at - at % sysconf(_SC_PAGESIZE);
	void *bytes;

	n_bytes += (size_t)(at - begin);
	bytes = mmap(NULL, n_bytes, PROT_READ, MAP_SHARED, fd, begin);
	if (bytes == MAP_FAILED)
		return mu_error_errno(err, errno, "mmap");
	(void)pthread_once(&once, catch_sigbus);
	*m = (struct mu_mapped){bytes, n_bytes, begin};
	return 0;
}

void mu_mapped_deinit(struct mu_mapped *m)
{
	if (m->bytes)
		(void)munmap((void *)(uintptr_t)m->bytes, m->n_bytes);
	*m = (struct mu_mapped){0};
}

bool mu_mapped_copy(const struct mu_mapped *m, int64_t at, void *ret, size_t n_bytes)
{
	sigjmp_buf back;

	mu_assert(is_within(m, at, n_bytes));
	if (sigsetjmp(back, 0) != 0) {
		copying = NULL;
		return false;
	}
	copying = &back;
	atomic_signal_fence(memory_order_seq_cst);
	memcpy(ret, m->bytes + (at - m->at), n_bytes);
	atomic_signal_fence(memory_order_seq_cst);
	copying = NULL;
	return true;
}

void mu_mapped_read_ahead(const struct mu_mapped *m, int64_t at, size_t n_bytes)
{
	const int64_t begin = at - at % sysconf(_SC_PAGESIZE);

	mu_assert(is_within(m, at, n_bytes));
	(void)madvise((void *)(uintptr_t)(m->bytes + (begin - m->at)),
		      n_bytes + (size_t)(at - begin), MADV_WILLNEED);
}

void mu_mapped_prefetch(const struct mu_mapped *m, int64_t at, size_t n_bytes)
{
	enum { CACHE_LINE = 64 };

	if (!is_within(m, at, n_bytes))
		return;
	for (size_t i = 0; i < n_bytes; i += CACHE_LINE)
		__builtin_prefetch(m->bytes + (at - m->at) + i);
}
