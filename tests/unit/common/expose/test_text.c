/* SPDX-License-Identifier: Apache-2.0 */
#include "common/expose/text.h"

#include <criterion/criterion.h>
#include <math.h>

Test(text, what_is_asked_for)
{
	static const struct {
		const char *accept;
		enum expose_format format;
	} cases[] = {
	    {NULL, EXPOSE_TEXT},
	    {"", EXPOSE_TEXT},
	    {"*/*", EXPOSE_TEXT},
	    {"text/html", EXPOSE_TEXT},
	    {"text/plain;version=0.0.4", EXPOSE_TEXT},
	    {"application/openmetrics-text", EXPOSE_OPENMETRICS},
	    {"Application/OpenMetrics-Text; version=1.0.0", EXPOSE_OPENMETRICS},
	    {"application/openmetrics-text-not", EXPOSE_TEXT},
	    /* Prometheus 2.42 */
	    {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
	     "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
	     EXPOSE_OPENMETRICS},
	    {"text/plain, application/openmetrics-text; q=0.5", EXPOSE_TEXT},
	    {"text/plain; q=0.4 , application/openmetrics-text;\tQ=0.5", EXPOSE_OPENMETRICS},
	    {"application/openmetrics-text;q=0", EXPOSE_TEXT},
	    {"application/openmetrics-text;q", EXPOSE_OPENMETRICS},
	    {"application/openmetrics-text;", EXPOSE_OPENMETRICS},
	    {",,,;", EXPOSE_TEXT},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++)
		cr_assert_eq(expose_negotiate(cases[i].accept), cases[i].format, "%s",
			     cases[i].accept);
	cr_assert_str_eq(expose_content_type(EXPOSE_TEXT),
			 "text/plain; version=0.0.4; charset=utf-8");
	cr_assert_str_eq(expose_content_type(EXPOSE_OPENMETRICS),
			 "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

static const struct expose_family requests = {"x_requests", NULL, "Requests.", EXPOSE_COUNTER};
static const struct expose_family seconds = {"x_seconds", "seconds", "Seconds.", EXPOSE_GAUGE};

Test(text, families_of_few)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str s = MU_STR_INIT;
	MU_CLEANUP(mu_str_deinit) struct mu_str labels = MU_STR_INIT;

	expose_label_add(&labels, "a", "1\"2\\3\n4");
	expose_label_add(&labels, "b", "");
	expose_family_add(&s, EXPOSE_TEXT, &requests);
	expose_sample_add(&s, &requests, labels.data, 9007199254740991.0);
	expose_family_add(&s, EXPOSE_TEXT, &seconds);
	expose_sample_add(&s, &seconds, "", 0.1);
	mu_str_add(&s, expose_end(EXPOSE_TEXT));
	cr_assert_str_eq(s.data, "# HELP x_requests_total Requests.\n"
				 "# TYPE x_requests_total counter\n"
				 "x_requests_total{a=\"1\\\"2\\\\3\\n4\",b=\"\"} 9007199254740991\n"
				 "# HELP x_seconds Seconds.\n"
				 "# TYPE x_seconds gauge\n"
				 "x_seconds 0.10000000000000001\n");
}

Test(text, openmetrics_has_units_and_an_end)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str s = MU_STR_INIT;

	expose_family_add(&s, EXPOSE_OPENMETRICS, &requests);
	expose_sample_add(&s, &requests, "", 1e300);
	expose_family_add(&s, EXPOSE_OPENMETRICS, &seconds);
	mu_str_add(&s, expose_end(EXPOSE_OPENMETRICS));
	cr_assert_str_eq(s.data, "# HELP x_requests Requests.\n"
				 "# TYPE x_requests counter\n"
				 "x_requests_total 1.0000000000000001e+300\n"
				 "# HELP x_seconds Seconds.\n"
				 "# TYPE x_seconds gauge\n"
				 "# UNIT x_seconds seconds\n"
				 "# EOF\n");
}
