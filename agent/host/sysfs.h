/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small things out of sysfs, for this folder only. `dir` and `name` are put together with a "/".
 * What is not there reads as empty or as the default. Any thread.
 */
#ifndef MUSTER_AGENT_HOST_SYSFS_H
#define MUSTER_AGENT_HOST_SYSFS_H

#include "common/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SYSFS_PATH_MAX = 1023 };

/* The file's text without blanks at its ends; false when there is none. */
bool sysfs_text(const char *dir, const char *name, char *ret, size_t size);
/* A number, decimal or with "0x". */
uint64_t sysfs_number(const char *dir, const char *name, uint64_t def);
/* The last part of where a link leads; false when there is no such link. */
bool sysfs_link(const char *dir, const char *name, char *ret, size_t size);
/* The part before that: of ".../0000:00:1d.0/usb1" the controller. */
bool sysfs_link_parent(const char *dir, const char *name, char *ret, size_t size);
/* Call `each` for the entries of a directory in order of name, dot files left out, `max` at most.
 * MU_E_IO. A directory that is not there has none. */
int sysfs_each(const char *dir, size_t max, void (*each)(const char *name, void *arg), void *arg,
	       struct mu_error *err);

#endif
