/* SPDX-License-Identifier: Apache-2.0 */
/* Compression for the wire; the libraries are hidden here. Any thread. */
#ifndef MUSTER_COMPRESS_COMPRESS_H
#define MUSTER_COMPRESS_COMPRESS_H

#include "common/base/str.h"

/* Snappy's block format, which Prometheus' remote_write wants, in place of what `ret` had. */
void compress_snappy(const void *data, size_t len, struct mu_str *ret);

#endif
