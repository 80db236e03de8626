/* SPDX-License-Identifier: Apache-2.0 */
/* A temporary tree that stands for /sys and /proc. */
#ifndef MUSTER_TESTS_HOST_TREE_H
#define MUSTER_TESTS_HOST_TREE_H

extern char tree_root[];

void tree_make(void);
void tree_clean(void);
/* A file, or a link, and the folders above it. */
void tree_put(const char *path, const char *text);
void tree_link(const char *path, const char *target);

#endif
