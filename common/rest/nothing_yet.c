/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collections of Xen Orchestra's that nothing is in yet: graphics cards that are shared out,
 * proxies, and what backups are. A client that asks for all collections gets empty lists, and
 * "no such ..." for what it names.
 */
#include "common/rest/render.h"

static void each_none(const struct rest_backend *b, bool (*each)(const void *object, void *arg),
		      void *arg)
{
	(void)b;
	(void)each;
	(void)arg;
}

static void find_none(struct rest *rest, const struct mu_uuid *id,
		      void (*found)(const void *object, void *arg), void *arg)
{
	(void)rest;
	(void)id;
	(void)found;
	(void)arg;
}

#define NOTHING_YET(what, of)                                                                      \
	{                                                                                          \
		.name = (what), .collection = (of), .each = each_none, .find = find_none           \
	}

const struct rest_type rest_type_pgpu = NOTHING_YET("PGPU", "pgpus");
const struct rest_type rest_type_proxy = NOTHING_YET("proxy", "proxies");
const struct rest_type rest_type_schedule = NOTHING_YET("schedule", "schedules");
const struct rest_type rest_type_backup_job = NOTHING_YET("backup-job", "backup-jobs");
const struct rest_type rest_type_backup_log = NOTHING_YET("backup-log", "backup-logs");
const struct rest_type rest_type_restore_log = NOTHING_YET("restore-log", "restore-logs");
const struct rest_type rest_type_backup_repository =
    NOTHING_YET("backup-repository", "backup-repositories");
const struct rest_type rest_type_backup_archive = NOTHING_YET("backup-archive", "backup-archives");
