/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host/bios.h"

#include "agent/host/sysfs.h"

#include <stdio.h>
#include <string.h>

void host_bios_read(const char *sysfs, struct model_bios *ret)
{
	const struct {
		const char *file;
		char *text;
	} files[] = {
	    {"bios_vendor", ret->vendor},       {"bios_version", ret->version},
	    {"bios_date", ret->date},           {"sys_vendor", ret->manufacturer},
	    {"product_name", ret->product},     {"product_version", ret->product_version},
	    {"product_serial", ret->serial},    {"board_vendor", ret->board_manufacturer},
	    {"board_name", ret->board_product},
	};
	char dir[SYSFS_PATH_MAX + 1];

	memset(ret, 0, sizeof *ret);
	(void)snprintf(dir, sizeof dir, "%s/class/dmi/id", sysfs);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		(void)sysfs_text(dir, files[i].file, files[i].text, MODEL_BIOS_MAX + 1);
}
