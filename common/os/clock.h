/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks. Any thread. */
#ifndef MUSTER_OS_CLOCK_H
#define MUSTER_OS_CLOCK_H

#include "common/base/time.h"

/* Milliseconds since 1970-01-01 UTC. Jumps when somebody sets the clock: for showing, not for
 * measuring. */
mu_msec mu_clock_wall(void);
/* Milliseconds since some moment at boot; never goes back. */
mu_msec mu_clock_monotonic(void);
/* "2026-11-20T17:30:10.123Z" into `buf` (at least 25 bytes). */
enum { MU_CLOCK_TEXT = 25 };
const char *mu_clock_format(mu_msec wall, char buf[static MU_CLOCK_TEXT]);

#endif
