/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/xen/xen_log.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/log/log.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_KEPT = 32, LINE_MAX_BYTES = 256, N_REASONS = 2 };

struct kept {
	uint64_t number;
	uint32_t domid;
	char text[LINE_MAX_BYTES];
};

struct xen_log {
	xentoollog_logger logger; /* first: libxl hands us this pointer */
	uint64_t n_said;
	struct kept kept[N_KEPT]; /* a ring */
	void (*progress)(void *ctx, int percent);
	void *progress_ctx;
};

/* Skips "libxl_create.c:710:libxl__domain_make: ", which is for libxl's developers. */
static const char *skip_source(const char *line)
{
	const char *p = strstr(line, ".c:");

	if (!p || memchr(line, ' ', (size_t)(p - line)))
		return line;
	p = strchr(p, ' ');
	return p ? p + 1 : line;
}

const char *xen_log_strip(const char *line, uint32_t *ret_domid)
{
	static const char word[] = "Domain ";
	const char *text = skip_source(line);
	unsigned long number;
	char *end;

	*ret_domid = UINT32_MAX;
	if (!mu_str_has_prefix(text, word) || !isdigit((unsigned char)text[sizeof word - 1]))
		return text;
	number = strtoul(text + sizeof word - 1, &end, 10);
	if (*end != ':')
		return text;
	*ret_domid = number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
	return end + 1 + (end[1] == ' ');
}

static void keep(struct xen_log *l, const char *line)
{
	struct kept *k = &l->kept[l->n_said % N_KEPT];
	const char *text = xen_log_strip(line, &k->domid);

	k->number = l->n_said++;
	mu_utf8_sanitize(k->text, sizeof k->text - 1, text, strlen(text));
}

static enum mu_log_level level_of(xentoollog_level level)
{
	if (level >= XTL_WARN)
		return MU_LOG_WARNING; /* whoever asked decides whether it is an error */
	return level >= XTL_NOTICE ? MU_LOG_INFO : MU_LOG_DEBUG;
}

static void on_message(xentoollog_logger *logger, xentoollog_level level, int errnoval,
		       const char *context, const char *format, va_list args)
{
	struct xen_log *l = MU_CONTAINER_OF(logger, struct xen_log, logger);
	char line[2 * LINE_MAX_BYTES];
	int n = vsnprintf(line, sizeof line, format, args);

	if (n < 0)
		return;
	if (errnoval >= 0 && (size_t)n < sizeof line)
		(void)snprintf(line + n, sizeof line - (size_t)n, ": %s", strerror(errnoval));
	if (level >= XTL_ERROR)
		keep(l, line);
	mu_log(level_of(level), "%s: %s", context ? context : "xen", line);
}

static void on_progress(xentoollog_logger *logger, const char *context, const char *doing_what,
			int percent, unsigned long done, unsigned long total)
{
	struct xen_log *l = MU_CONTAINER_OF(logger, struct xen_log, logger);

	(void)context, (void)doing_what, (void)done, (void)total;
	if (l->progress)
		l->progress(l->progress_ctx, percent);
}

struct xen_log *xen_log_new(void)
{
	struct xen_log *l = mu_xcalloc(1, sizeof *l);

	l->logger.vmessage = on_message;
	l->logger.progress = on_progress;
	return l;
}

struct xen_log *xen_log_free(struct xen_log *l)
{
	free(l);
	return NULL;
}

xentoollog_logger *xen_log_logger(struct xen_log *l)
{
	return &l->logger;
}

void xen_log_on_progress(struct xen_log *l, void (*progress)(void *ctx, int percent), void *ctx)
{
	l->progress = progress;
	l->progress_ctx = ctx;
}

uint64_t xen_log_mark(const struct xen_log *l)
{
	return l->n_said;
}

void xen_log_reason(const struct xen_log *l, uint64_t mark, uint32_t domid,
		    char buf[static XEN_LOG_REASON_MAX])
{
	uint64_t oldest = l->n_said > N_KEPT ? l->n_said - N_KEPT : 0;
	size_t len = 0;
	int n_found = 0;

	buf[0] = '\0';
	for (uint64_t i = mark > oldest ? mark : oldest; i < l->n_said && n_found < N_REASONS;
	     i++) {
		const struct kept *k = &l->kept[i % N_KEPT];
		int n;

		if (k->domid != UINT32_MAX && k->domid != domid)
			continue;
		n = snprintf(buf + len, XEN_LOG_REASON_MAX - len, "%s%s", n_found ? "; " : "",
			     k->text);
		len += (size_t)n;
		if (len >= XEN_LOG_REASON_MAX)
			return;
		n_found++;
	}
}
