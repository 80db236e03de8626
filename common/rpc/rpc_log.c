/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What gRPC calls errors are mostly other people's: a port scan, a client with an old certificate.
 * They are warnings here, and since anybody who can reach the port can cause them, only so many a
 * minute; the rest is counted.
 *
 * One line is more than a line: gRPC has no other way to say that a listener's accept() failed,
 * after which that listener is dead (rpc_guard.h).
 */
#include "common/rpc/rpc_log.h"

#include "common/base/str.h"
#include "common/log/log.h"
#include "common/os/clock.h"

#include <grpc/support/log.h>
#include <pthread.h>
#include <string.h>

enum { LINES_PER_WINDOW = 10, TEXT_MAX = 300 };
static const mu_msec window = MU_SEC(60);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void (*on_accept_failed)(void *ctx); /* lock */
static void *on_accept_failed_ctx;          /* lock */
static mu_msec window_start;                /* lock */
static unsigned int n_lines;                /* lock: in this window */

/* May another line be written? *ret_dropped: how many of the last window were not. */
static bool admit(unsigned int *ret_dropped)
{
	mu_msec now = mu_clock_monotonic();
	bool ok;

	*ret_dropped = 0;
	(void)pthread_mutex_lock(&lock);
	if (window_start == 0 || now - window_start >= window) {
		if (n_lines > LINES_PER_WINDOW)
			*ret_dropped = n_lines - LINES_PER_WINDOW;
		window_start = now;
		n_lines = 0;
	}
	ok = ++n_lines <= LINES_PER_WINDOW;
	(void)pthread_mutex_unlock(&lock);
	return ok;
}

static void tell_accept_failed(void)
{
	(void)pthread_mutex_lock(&lock);
	if (on_accept_failed)
		on_accept_failed(on_accept_failed_ctx);
	(void)pthread_mutex_unlock(&lock);
}

static void write_line(gpr_log_func_args *args)
{
	char text[TEXT_MAX + 1];
	unsigned int dropped;

	mu_utf8_sanitize(text, TEXT_MAX, args->message, strlen(args->message));
	if (args->severity != GPR_LOG_SEVERITY_ERROR) {
		mu_log_debug("grpc %s:%d text=\"%s\"", args->file, args->line, text);
		return;
	}
	if (!admit(&dropped))
		return;
	if (dropped > 0)
		mu_log_warning("grpc lines left out n=%u", dropped);
	mu_log_warning("grpc reports text=\"%s\"", text);
}

static void from_grpc(gpr_log_func_args *args)
{
	if (mu_str_has_prefix(args->message, "Failed accept4:"))
		tell_accept_failed();
	write_line(args);
}

void rpc_log_attach(void (*accept_failed)(void *ctx), void *ctx)
{
	(void)pthread_mutex_lock(&lock);
	on_accept_failed = accept_failed;
	on_accept_failed_ctx = ctx;
	(void)pthread_mutex_unlock(&lock);
	gpr_set_log_function(from_grpc);
}

void rpc_log_detach(void)
{
	(void)pthread_mutex_lock(&lock);
	on_accept_failed = NULL;
	(void)pthread_mutex_unlock(&lock);
}
