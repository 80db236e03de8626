/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one line an event, a fixed phrase and then fields ("agent connected host=...
 * version=1").
 *
 * Libraries return errors and do not log them; a line at ERROR is written once, where the
 * operation ends. Values that may hold blanks are quoted by the caller ("err=\"%s\""); control
 * characters are replaced on the way out. One sink per process, set before threads start; writing
 * is safe from any thread and never fails.
 */
#ifndef MUSTER_LOG_LOG_H
#define MUSTER_LOG_LOG_H

#include <stddef.h>

enum mu_log_level {
	MU_LOG_ERROR,
	MU_LOG_WARNING,
	MU_LOG_INFO,
	MU_LOG_DEBUG,
	_MU_LOG_LEVEL_COUNT,
};

typedef void (*mu_log_sink)(enum mu_log_level level, const char *line, void *ctx);

/* stderr with UTC time, or with journald's "<3>" prefixes when stderr is the journal. The default.
 */
void mu_log_to_stderr(void);
/* Every line goes to `sink` instead (tests). */
void mu_log_to(mu_log_sink sink, void *ctx);
void mu_log_set_level(enum mu_log_level level);
/* "error", "warning", "info", "debug"; -1 when it is none of them. */
int mu_log_level_parse(const char *name);

void mu_log(enum mu_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define mu_log_error(...) mu_log(MU_LOG_ERROR, __VA_ARGS__)
#define mu_log_warning(...) mu_log(MU_LOG_WARNING, __VA_ARGS__)
#define mu_log_info(...) mu_log(MU_LOG_INFO, __VA_ARGS__)
#define mu_log_debug(...) mu_log(MU_LOG_DEBUG, __VA_ARGS__)

#endif
