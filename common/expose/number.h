/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as text, for pages with hundreds of thousands of them: about ten times as fast as
 * printf(). PURE. */
#ifndef MUSTER_EXPOSE_NUMBER_H
#define MUSTER_EXPOSE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

enum { EXPOSE_NUMBER_MAX = 24 };

/* At most EXPOSE_NUMBER_MAX bytes, without a NUL; how many is returned. `v` is finite. Whole
 * numbers up to 2^64 have all their digits, all others nine: as a float it is read back the same.
 */
size_t expose_number(char *ret, float v);
/* A count, with all its digits. */
size_t expose_whole(char *ret, uint64_t v);
/* A count of nanoseconds, as seconds; with all its digits, too. */
size_t expose_seconds(char *ret, uint64_t ns);

#endif
