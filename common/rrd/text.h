/* SPDX-License-Identifier: Apache-2.0 */
/* What both kinds of text are made of: numbers as xcp-rrdd writes them, names of series. PURE. */
#ifndef MUSTER_RRD_TEXT_H
#define MUSTER_RRD_TEXT_H

#include "common/base/str.h"

/* "NaN" when it is not known. */
void rrd_text_number(struct mu_str *out, float v);
/* Printable ASCII, escaped. */
void rrd_text_xml(struct mu_str *out, const char *text);
/* The same within a comment, which must not have two hyphens in a row. */
void rrd_text_comment(struct mu_str *out, const char *text);
void rrd_text_json(struct mu_str *out, const char *text);

#endif
