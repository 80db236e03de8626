/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes from the kernel, good for secrets and ids. Aborts if there are none. Any thread. */
#ifndef MUSTER_OS_RANDOM_H
#define MUSTER_OS_RANDOM_H

#include "common/base/id.h"

#include <stddef.h>
#include <stdint.h>

void mu_random_bytes(void *p, size_t len);
uint64_t mu_random_u64(void);
struct mu_uuid mu_random_uuid(void);

#endif
