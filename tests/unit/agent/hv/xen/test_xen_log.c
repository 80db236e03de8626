/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of libxl's complaints, and which of them a failed operation quotes. */
#include "agent/hv/xen/xen_log.h"
#include "common/log/log.h"

#include <criterion/criterion.h>

static void swallow(enum mu_log_level level, const char *line, void *ctx)
{
	(void)level, (void)line, (void)ctx;
}

static void to_nowhere(void)
{
	mu_log_to(swallow, NULL);
}

TestSuite(xen_log, .init = to_nowhere);

Test(xen_log, strips_the_source_and_the_domain)
{
	uint32_t domid;

	cr_expect_str_eq(
	    xen_log_strip("libxl_create.c:710:libxl__domain_make: Domain 5:no luck", &domid),
	    "no luck");
	cr_expect_eq(domid, 5u);
	cr_expect_str_eq(xen_log_strip("panic: xg_dom_core.c:689: x: no loader", &domid),
			 "panic: xg_dom_core.c:689: x: no loader");
	cr_expect_eq(domid, UINT32_MAX);
	cr_expect_str_eq(xen_log_strip("Domain 4294967295:early", &domid), "early");
	cr_expect_eq(domid, UINT32_MAX);
	cr_expect_str_eq(xen_log_strip("Domain Nine:text", &domid), "Domain Nine:text");
	cr_expect_str_eq(xen_log_strip("", &domid), "");
}

Test(xen_log, quotes_the_first_errors_of_that_domain)
{
	struct xen_log *l = xen_log_new();
	xentoollog_logger *x = xen_log_logger(l);
	char reason[XEN_LOG_REASON_MAX];
	uint64_t mark;

	xtl_log(x, XTL_ERROR, -1, "libxl", "Domain 3:before");
	mark = xen_log_mark(l);
	xtl_log(x, XTL_WARN, -1, "libxl", "Domain 3:only a warning");
	xtl_log(x, XTL_ERROR, -1, "libxl", "Domain 4:of another");
	xtl_log(x, XTL_ERROR, 2, "libxl", "a.c:1:f: Domain 3:open %s", "/x");
	xtl_log(x, XTL_ERROR, -1, "xc", "no domain named");
	xtl_log(x, XTL_ERROR, -1, "libxl", "Domain 3:a consequence");
	xen_log_reason(l, mark, 3, reason);
	cr_expect_str_eq(reason, "open /x: No such file or directory; no domain named");
	xen_log_reason(l, xen_log_mark(l), 3, reason);
	cr_expect_str_empty(reason);
	xen_log_free(l);
}

Test(xen_log, long_and_many_lines_are_bounded)
{
	struct xen_log *l = xen_log_new();
	xentoollog_logger *x = xen_log_logger(l);
	char reason[XEN_LOG_REASON_MAX];

	for (int i = 0; i < 1000; i++)
		xtl_log(x, XTL_ERROR, -1, "xc", "%0600d", i);
	xen_log_reason(l, 0, 1, reason);
	cr_expect_lt(strlen(reason), sizeof reason);
	cr_expect_gt(strlen(reason), 100u);
	xen_log_free(l);
}
