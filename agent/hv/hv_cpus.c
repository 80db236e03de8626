/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/hv_cpus.h"

#include "common/base/str.h"

#include <inttypes.h>
#include <string.h>

/* A number at *p that ends before `end`; *p moves behind it. */
static bool take_number(const char **p, const char *end, unsigned *ret)
{
	unsigned n = 0;
	const char *begin = *p;

	for (; *p < end && **p >= '0' && **p <= '9'; ++*p) {
		n = n * 10 + (unsigned)(**p - '0');
		if (n >= HV_CPUS_MAX)
			return false;
	}
	*ret = n;
	return *p > begin;
}

/* "3", "0-3", "^2", "all" */
static bool mark(const char *p, const char *end, struct hv_cpus *cpus)
{
	bool value = p == end || *p != '^';
	unsigned first, last;

	if (end - p == 3 && memcmp(p, "all", 3) == 0) {
		memset(cpus->has, true, sizeof cpus->has);
		return true;
	}
	if (!value)
		p++;
	if (!take_number(&p, end, &first))
		return false;
	last = first;
	if (p < end && *p == '-') {
		p++;
		if (!take_number(&p, end, &last) || last < first)
			return false;
	}
	for (unsigned i = first; i <= last; i++)
		cpus->has[i] = value;
	return p == end;
}

/* Gives the part that is wrong, or NULL. */
static const char *mark_list(const char *p, const char *end, struct hv_cpus *cpus)
{
	memset(cpus, 0, sizeof *cpus);
	for (;;) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *part_end = comma ? comma : end;

		if (!mark(p, part_end, cpus))
			return p;
		if (!comma)
			return NULL;
		p = comma + 1;
	}
}

int hv_cpus_check(const char *text, struct mu_error *err)
{
	static const struct hv_cpus none;
	bool many = strchr(text, ';') != NULL;
	struct hv_cpus cpus;

	while (*text) {
		const char *end = text + strcspn(text, ";");
		const char *wrong = mark_list(text, end, &cpus);

		if (many && *end == '\0')
			return mu_error_set(err, MU_E_INVALID,
					    "the list \"%.20s\" does not end with ';' as the one "
					    "before it does",
					    text);
		if (wrong)
			return mu_error_set(err, MU_E_INVALID,
					    "\"%.*s\" is no part of a CPU list; allowed: numbers "
					    "below %d, as in 0-3,8,^2, or all",
					    (int)strcspn(wrong, ",;"), wrong, HV_CPUS_MAX);
		if (memcmp(&cpus, &none, sizeof cpus) == 0)
			return mu_error_set(err, MU_E_INVALID, "\"%.*s\" leaves no CPU",
					    (int)(end - text), text);
		text = *end ? end + 1 : end;
	}
	return 0;
}

void hv_cpus_of(const char *text, uint32_t vcpu, struct hv_cpus *ret)
{
	const char *end = text + strcspn(text, ";");

	if (*end == ';') {
		for (; vcpu > 0 && *text; vcpu--) {
			text = *end ? end + 1 : end;
			end = text + strcspn(text, ";");
		}
	}
	if (text == end)
		memset(ret->has, true, sizeof ret->has);
	else
		(void)mark_list(text, end, ret);
}
