/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sensor is called after the device and its input, "coretemp.0-temp2": the numbers of hwmonN are
 * given out anew at each boot. Without a device it is the driver's name.
 */
#include "agent/host/sensors.h"

#include "agent/host/sysfs.h"
#include "common/base/str.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHIPS_MAX = 256, FILES_MAX = 1024, CHIP_NAME_MAX = 20 };

struct reading {
	const char *sysfs;
	struct hv_sensor *sensors;
	size_t n, max;
	/* the chip at hand */
	char dir[SYSFS_PATH_MAX + 1];
	char chip[CHIP_NAME_MAX + 1];
};

static double celsius(const char *dir, const char *file)
{
	char text[32], *end;
	double milli;

	if (!sysfs_text(dir, file, text, sizeof text) || !text[0])
		return NAN;
	milli = strtod(text, &end);
	/* Colder or hotter than that is a sensor that is not there. */
	return *end || !(milli > -273150 && milli < 1000000) ? NAN : milli / 1000;
}

static bool is_known(const struct reading *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (mu_str_equal(r->sensors[i].name, name))
			return true;
	return false;
}

static void add_input(const char *file, void *arg)
{
	struct reading *r = arg;
	size_t digits = mu_str_has_prefix(file, "temp") ? strspn(file + 4, "0123456789") : 0;
	struct hv_sensor s;

	if (r->n == r->max || digits == 0 || digits > 5 || strcmp(file + 4 + digits, "_input") != 0)
		return;
	(void)snprintf(s.name, sizeof s.name, "%s-temp%.*s", r->chip, (int)digits, file + 4);
	s.celsius = celsius(r->dir, file);
	if (!is_known(r, s.name))
		r->sensors[r->n++] = s;
}

static void add_chip(const char *name, void *arg)
{
	struct reading *r = arg;
	char chip[256];

	(void)snprintf(r->dir, sizeof r->dir, "%.700s/class/hwmon/%.255s", r->sysfs, name);
	if (!sysfs_link(r->dir, "device", chip, sizeof chip) &&
	    !sysfs_text(r->dir, "name", chip, sizeof chip))
		return;
	(void)snprintf(r->chip, sizeof r->chip, "%.*s", CHIP_NAME_MAX, chip);
	for (char *p = r->chip; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(".:", *p))
			*p = '-';
	(void)sysfs_each(r->dir, FILES_MAX, add_input, r, NULL);
}

size_t host_sensors_read(const char *sysfs, struct hv_sensor *ret, size_t max)
{
	struct reading r = {.sysfs = sysfs, .sensors = ret, .max = max};
	char dir[SYSFS_PATH_MAX + 1];

	(void)snprintf(dir, sizeof dir, "%.900s/class/hwmon", sysfs);
	(void)sysfs_each(dir, CHIPS_MAX, add_chip, &r, NULL);
	return r.n;
}
