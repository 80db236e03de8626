/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time as a number. Reading a clock is common/os/clock.h; everything pure takes time as input.
 */
#ifndef MUSTER_BASE_TIME_H
#define MUSTER_BASE_TIME_H

#include <stdint.h>

/* Milliseconds: a span, a monotonic instant, or since 1970-01-01 UTC; the name says which. */
typedef int64_t mu_msec;

#define MU_SEC(n) ((mu_msec)(n)*1000)
#define MU_MSEC_NEVER INT64_MAX

#endif
