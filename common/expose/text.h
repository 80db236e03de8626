/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two text formats that Prometheus reads, and what is common to their lines: Prometheus' own
 * 0.0.4 and OpenMetrics 1.0, which adds units and an end, and calls a counter by its name without
 * "_total". PURE.
 */
#ifndef MUSTER_EXPOSE_TEXT_H
#define MUSTER_EXPOSE_TEXT_H

#include "common/base/str.h"

enum expose_format { EXPOSE_TEXT, EXPOSE_OPENMETRICS };
enum expose_type { EXPOSE_GAUGE, EXPOSE_COUNTER };

/* All samples of one name, which are to stand together. */
struct expose_family {
	const char *name; /* of a counter: without "_total" */
	const char *unit; /* in which the name ends; NULL: none */
	const char *help; /* one line, without a backslash */
	enum expose_type type;
};

/* What an Accept header asks for; NULL: none. OpenMetrics only when it is named. */
enum expose_format expose_negotiate(const char *accept);
/* For Content-Type. */
const char *expose_content_type(enum expose_format format);

/* The lines before a family's samples. */
void expose_family_add(struct mu_str *s, enum expose_format format, const struct expose_family *f);
/* A sample for pages of few: `labels` is "" or what expose_label_add() made. */
void expose_sample_add(struct mu_str *s, const struct expose_family *f, const char *labels,
		       double value);
/* KEY="VALUE", escaped, with a comma before it when something stands there. */
void expose_label_add(struct mu_str *s, const char *key, const char *value);
/* What a page ends with, "" or a line. */
const char *expose_end(enum expose_format format);

#endif
