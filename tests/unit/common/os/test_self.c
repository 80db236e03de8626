/* SPDX-License-Identifier: Apache-2.0 */
#include "common/os/self.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

TestSuite(self, .timeout = 60);

Test(self, is_what_the_kernel_says)
{
	struct mu_self before, after;
	struct rlimit limit;
	size_t size = 64 << 20;
	char *memory;
	int fd;

	mu_self_read(&before);
	fd = open("/dev/null", O_RDONLY);
	memory = malloc(size);
	cr_assert(memory && fd >= 0);
	memset(memory, 1, size);
	while (mu_self_read(&after), after.cpu_seconds < before.cpu_seconds + 0.01)
		continue;
	cr_assert_eq(after.n_fds, before.n_fds + 1);
	cr_assert_geq(after.resident_bytes, before.resident_bytes + size / 2);
	cr_assert_geq(after.virtual_bytes, after.resident_bytes);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_assert_eq(after.fds_max, limit.rlim_cur);
	free(memory);
	(void)close(fd);
}
