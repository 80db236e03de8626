/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peer: RRDtool's library with a file of 25 series for each of VMS VMs and the same ten
 * archives, one row an update. Prints one line per figure, "NAME VALUE".
 *
 *   metric-peer DIRECTORY VMS
 */
#include "common/base/mem.h"

#include <rrd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

enum { SERIES = 25, ROUNDS = 24, FETCHES = 200 };
#define BEGIN 1790000000L

static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void create(const char *path)
{
	static const char *const rra[] = {
	    "RRA:AVERAGE:0.5:1:120",    "RRA:AVERAGE:0.9999:12:120",    "RRA:MIN:0.9999:12:120",
	    "RRA:MAX:0.9999:12:120",    "RRA:AVERAGE:0.9999:720:168",   "RRA:MIN:0.9999:720:168",
	    "RRA:MAX:0.9999:720:168",   "RRA:AVERAGE:0.9999:17280:366", "RRA:MIN:0.9999:17280:366",
	    "RRA:MAX:0.9999:17280:366",
	};
	const char *argv[SERIES + MU_ARRAY_SIZE(rra)];
	char ds[SERIES][32];
	int n = 0;

	for (int i = 0; i < SERIES; i++) {
		(void)snprintf(ds[i], sizeof ds[i], "DS:s%d:GAUGE:300:U:U", i);
		argv[n++] = ds[i];
	}
	for (size_t i = 0; i < MU_ARRAY_SIZE(rra); i++)
		argv[n++] = rra[i];
	if (rrd_create_r(path, 5, BEGIN, n, argv) < 0)
		exit(1);
}

static void update(const char *path, long at)
{
	char row[512];
	const char *argv[] = {row};
	int len = snprintf(row, sizeof row, "%ld", at);

	for (int i = 0; i < SERIES; i++)
		len += snprintf(row + len, sizeof row - (size_t)len, ":%d.25", i * 1000);
	if (rrd_update_r(path, NULL, 1, argv) < 0)
		exit(1);
}

static void fetch(const char *path, const char *name, unsigned long step)
{
	double begin = cpu();

	for (int i = 0; i < FETCHES; i++) {
		time_t from = BEGIN, to = BEGIN + ROUNDS * 5;
		unsigned long width = step, n;
		char **names;
		rrd_value_t *data;

		if (rrd_fetch_r(path, "AVERAGE", &from, &to, &width, &n, &names, &data) < 0)
			exit(1);
		for (unsigned long k = 0; k < n; k++)
			free(names[k]);
		free(names);
		free(data);
	}
	printf("rrd.read.%s %.4g\n", name, (cpu() - begin) / FETCHES * 1e6);
}

int main(int argc, char **argv)
{
	char path[512];
	long n_vms;
	struct stat st;
	double begin;

	if (argc != 3)
		return 2;
	n_vms = strtol(argv[2], NULL, 10);
	for (long v = 0; v < n_vms; v++) {
		(void)snprintf(path, sizeof path, "%s/%ld.rrd", argv[1], v);
		create(path);
	}
	begin = cpu();
	for (long k = 1; k <= ROUNDS; k++)
		for (long v = 0; v < n_vms; v++) {
			(void)snprintf(path, sizeof path, "%s/%ld.rrd", argv[1], v);
			update(path, BEGIN + 5 * k);
		}
	printf("rrd.store %.4g\n", (double)(n_vms * ROUNDS * SERIES) / (cpu() - begin) / 1e6);
	if (stat(path, &st) < 0)
		return 1;
	printf("rrd.disk %.4g\n", (double)st.st_size / SERIES);
	fetch(path, "seconds", 5);
	return 0;
}
