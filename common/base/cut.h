/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that are cut to fit end with a whole character. Pure. */
#ifndef MUSTER_BASE_CUT_H
#define MUSTER_BASE_CUT_H

#include <stddef.h>

/* How many bytes of a text are whole characters among the first `max`: what "%.*s" is to print. */
size_t mu_cut_fit(const char *text, size_t max);
/* In place, after a text was cut, or pieces of it were ("%.40s"): half a character at the end goes,
 * what else is no character becomes '?'. Then it is UTF-8. */
void mu_cut_mend(char *text);

#endif
