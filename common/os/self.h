/* SPDX-License-Identifier: Apache-2.0 */
/* What this process costs, as the kernel counts it. Any thread. */
#ifndef MUSTER_OS_SELF_H
#define MUSTER_OS_SELF_H

#include <stddef.h>

struct mu_self {
	double cpu_seconds; /* all threads, the kernel's part included */
	size_t resident_bytes;
	size_t virtual_bytes;
	size_t n_fds;
	size_t fds_max;
};

/* What cannot be read is 0. */
void mu_self_read(struct mu_self *ret);

#endif
