/* SPDX-License-Identifier: Apache-2.0 */
/* Loop devices over a file: Xen's block script makes them for raw images. Blocking. */
#ifndef MUSTER_AGENT_STORAGE_DIR_LOOP_H
#define MUSTER_AGENT_STORAGE_DIR_LOOP_H

#include "common/base/error.h"

/* Tell every loop device over the file that it has grown. None is fine. */
int dir_loop_grown(const char *path, struct mu_error *err);

#endif
