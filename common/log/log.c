/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log/log.h"

#include "common/base/assert.h"
#include "common/os/clock.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048 };

static const struct {
	const char *name;
	int priority; /* sd-daemon(3) */
} levels[_MU_LOG_LEVEL_COUNT] = {
    [MU_LOG_ERROR] = {"error", 3},
    [MU_LOG_WARNING] = {"warning", 4},
    [MU_LOG_INFO] = {"info", 6},
    [MU_LOG_DEBUG] = {"debug", 7},
};

static mu_log_sink sink; /* NULL: stderr */
static void *sink_ctx;
static bool stderr_is_journal;
static atomic_int max_level = MU_LOG_INFO;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* JOURNAL_STREAM holds device:inode of the socket that systemd gave us as stderr. */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void mu_log_to_stderr(void)
{
	sink = NULL;
	stderr_is_journal = is_journal();
}

void mu_log_to(mu_log_sink s, void *ctx)
{
	sink = s;
	sink_ctx = ctx;
}

void mu_log_set_level(enum mu_log_level level)
{
	atomic_store(&max_level, (int)level);
}

int mu_log_level_parse(const char *name)
{
	for (int i = 0; i < _MU_LOG_LEVEL_COUNT; i++)
		if (strcmp(levels[i].name, name) == 0)
			return i;
	return -1;
}

static void write_stderr(enum mu_log_level level, const char *line)
{
	char time[MU_CLOCK_TEXT];

	if (stderr_is_journal)
		(void)fprintf(stderr, "<%d>%s\n", levels[level].priority, line);
	else
		(void)fprintf(stderr, "%s %s: %s\n", mu_clock_format(mu_clock_wall(), time),
			      levels[level].name, line);
}

void mu_log(enum mu_log_level level, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	va_list ap;

	mu_assert(level < _MU_LOG_LEVEL_COUNT);
	if ((int)level > atomic_load(&max_level))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	/* A line is a line: what came from outside cannot forge another. */
	for (char *p = line; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	(void)pthread_mutex_lock(&lock);
	if (sink)
		sink(level, line, sink_ctx);
	else
		write_stderr(level, line);
	(void)pthread_mutex_unlock(&lock);
}
