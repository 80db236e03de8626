/* SPDX-License-Identifier: Apache-2.0 */
#include "common/os/self.h"

#include "common/base/error.h"
#include "common/base/str.h"
#include "common/os/file.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { PROC_MAX = 4096 };

/* The first two numbers there, in pages. */
static void read_memory(struct mu_self *ret)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *end;

	if (mu_file_read("/proc/self/statm", PROC_MAX, &text, &err) < 0)
		return;
	ret->virtual_bytes = strtoull(text.data, &end, 10) * page;
	ret->resident_bytes = strtoull(end, NULL, 10) * page;
}

static size_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	if (!dir)
		return 0;
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n > 3 ? n - 3 : 0; /* "." and "..", and the folder itself */
}

void mu_self_read(struct mu_self *ret)
{
	struct timespec cpu = {0};
	struct rlimit limit = {0};

	*ret = (struct mu_self){.n_fds = count_fds()};
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	ret->cpu_seconds = (double)cpu.tv_sec + (double)cpu.tv_nsec * 1e-9;
	ret->fds_max = (size_t)limit.rlim_cur;
	read_memory(ret);
}
