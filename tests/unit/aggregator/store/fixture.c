/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

static char dir[] = "/tmp/muster-store-XXXXXX";
char path[64];
struct mu_loop *loop;
struct store *store;

void setup(void)
{
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/muster.db", dir);
	loop = mu_loop_new();
}

static int remove_one(const char *name, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(name);
}

static void stop_loop(void *ctx)
{
	(void)ctx;
	mu_loop_stop(loop);
}

void close_store(void)
{
	if (!store)
		return;
	store_close(MU_TAKE(store), stop_loop, NULL);
	mu_loop_run(loop);
}

void teardown(void)
{
	close_store();
	mu_loop_free(loop);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
