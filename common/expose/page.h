/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page of many objects' newest values, for Prometheus. PURE.
 *
 * The formats want all samples of a name together, so a page is gathered first and then written:
 * 16 bytes a sample, 32 a counter and about 100 an object, whatever its text is. Gathering goes in
 * batches, each of which may be a turn of the loop of its own; writing goes in pieces, behind a
 * length that is known before. In a batch the names that are put must stay where they are.
 */
#ifndef MUSTER_EXPOSE_PAGE_H
#define MUSTER_EXPOSE_PAGE_H

#include "common/expose/names.h"

struct expose_page;

enum {
	EXPOSE_LABELS_MAX = 4096, /* bytes of an object's labels; more are left out whole */
	/* For a counter's two lines, and what stands before them. */
	EXPOSE_PIECE_MIN = 2 * EXPOSE_LABELS_MAX + 4096,
};

struct expose_label {
	const char *key;
	const char *value;
};

/* An object. `labels` stand at each of its samples, `info` behind them at EXPOSE_INFO's. */
struct expose_object {
	enum expose_kind kind;
	const struct expose_label *labels;
	size_t n_labels;
	const struct expose_label *info;
	size_t n_info;
};

struct expose_page *expose_page_new(enum expose_names names, enum expose_format format);
/* Takes NULL; returns NULL. */
struct expose_page *expose_page_free(struct expose_page *p);
MU_DEFINE_CLEANUP(expose_page_free, struct expose_page *);

/* Gathering: an object, then its values. What is not finite, and what has no rule, is not shown. */
void expose_object(struct expose_page *p, const struct expose_object *o);
void expose_put(struct expose_page *p, const char *name, float value);
/* A series' counter, which counts since then: seconds since 1970 UTC, 0 = not known. Time in ns. */
void expose_put_count(struct expose_page *p, const char *name, uint64_t value, uint32_t since);
void expose_batch_end(struct expose_page *p);
size_t expose_n_samples(const struct expose_page *p);

/* Nothing more comes: how many bytes the text has. */
uint64_t expose_page_end(struct expose_page *p);
/* Write the next piece of it into `cap` bytes, EXPOSE_PIECE_MIN at least; 0: that was all. */
size_t expose_page_write(struct expose_page *p, char *ret, size_t cap);

#endif
