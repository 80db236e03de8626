/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/agent/host/tree.h"

#include "common/os/file.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char tree_root[] = "/tmp/muster-tree.XXXXXX";

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

void tree_make(void)
{
	cr_assert_not_null(mkdtemp(tree_root));
}

void tree_clean(void)
{
	(void)nftw(tree_root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_folders(const char *path, char full[static 512])
{
	struct mu_error err = MU_ERROR_INIT;
	char *slash;

	snprintf(full, 512, "%s/%s", tree_root, path);
	slash = strrchr(full, '/');
	*slash = '\0';
	cr_assert_eq(mu_file_mkdirs(full, 0755, &err), 0, "%s", err.text);
	*slash = '/';
}

void tree_put(const char *path, const char *text)
{
	char full[512];
	FILE *f;

	make_folders(path, full);
	f = fopen(full, "w");
	cr_assert_not_null(f, "%s", full);
	fputs(text, f);
	fclose(f);
}

void tree_link(const char *path, const char *target)
{
	char full[512];

	make_folders(path, full);
	cr_assert_eq(symlink(target, full), 0, "%s", full);
}
