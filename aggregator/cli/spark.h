/* SPDX-License-Identifier: Apache-2.0 */
/* Values in a row as a line of little bars, and one value with its unit. Pure; any thread. */
#ifndef MUSTER_AGGREGATOR_CLI_SPARK_H
#define MUSTER_AGGREGATOR_CLI_SPARK_H

#include "common/base/str.h"

/* At most `width` bars, each the mean of what it stands for, from 0 (or the least, when that is
 * below) to the greatest. What is not known (NaN) is a space. */
void cli_spark(struct mu_str *out, const double *values, size_t n, size_t width);
/* "12.3 %" of a ratio, "1.5 GiB" of bytes and KiB, "3 requests/s"; "-" when it is not known. */
void cli_spark_value(struct mu_str *out, double value, const char *unit);

#endif
