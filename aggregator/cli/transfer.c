/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/transfer.h"

#include "aggregator/cli/format.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/os/clock.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { PAUSE_MAX_MS = 30000, SHOW_EVERY_MS = 500 };

void transfer_show(struct transfer_progress *p, int64_t done)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	mu_msec now = mu_clock_monotonic();

	if (!p->watched || p->total <= 0 || now - p->shown_at < SHOW_EVERY_MS)
		return;
	p->shown_at = now;
	cli_format_bar(&text, (int)((double)done * 100 / (double)p->total));
	mu_str_add(&text, " of ");
	cli_format_bytes(&text, p->total);
	(void)fprintf(stderr, "\r\033[K%s: %s", p->label, text.data);
}

void transfer_unshow(const struct transfer_progress *p)
{
	if (p->watched)
		(void)fputs("\r\033[K", stderr);
}

bool transfer_may_pass(enum mu_error_code code)
{
	return code == MU_E_UNAVAILABLE || code == MU_E_TIMEOUT;
}

void transfer_pause(const char *label, unsigned tries, const struct mu_error *why)
{
	int ms = tries < 5 ? 1000 << tries : PAUSE_MAX_MS;

	(void)fprintf(stderr, "muster: %s: %s; trying again\n", label, why->text);
	(void)poll(NULL, 0, ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS);
}

const char *transfer_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int transfer_format(const struct cli *cli, const char *file, const char **ret, struct mu_error *err)
{
	static const char *const formats[] = {"raw", "qcow2", "vhd", "vmdk", "ova", "img"};
	const char *dot = strrchr(transfer_base_name(file), '.');
	const char *name = cli->options.format ? cli->options.format : dot ? dot + 1 : "";

	for (size_t i = 0; i < MU_ARRAY_SIZE(formats); i++) {
		if (strcasecmp(name, formats[i]) == 0) {
			*ret = i == MU_ARRAY_SIZE(formats) - 1 ? "raw" : formats[i];
			return 0;
		}
	}
	return mu_error_set(err, MU_E_INVALID,
			    "what format is %.100s? hint: --format raw, qcow2, vhd or vmdk", file);
}
