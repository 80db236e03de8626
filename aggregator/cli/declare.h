/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Declared objects on the server: found by name, made, changed. document.h says what is declared,
 * diff.h what is to be changed; here are the requests.
 */
#ifndef MUSTER_AGGREGATOR_CLI_DECLARE_H
#define MUSTER_AGGREGATOR_CLI_DECLARE_H

#include "aggregator/cli/cli.h"
#include "aggregator/cli/diff.h"
#include "aggregator/cli/document.h"

enum { CLI_DECLARE_LISTS_MAX = 16 };

/* What has been read of the server, so that many documents are a few lists. */
struct cli_declare {
	struct cli *cli;
	struct {
		const char *path;
		const struct mu_value *list;
	} lists[CLI_DECLARE_LISTS_MAX];
	size_t n_lists;
};

struct cli_found {
	const char *id;
	const char *name;
	const struct mu_value *spec; /* whole, with what is related */
};

enum { CLI_DECLARE_ABSENT = 1 };

/* The object of exactly that name, on `host` where one is given. CLI_DECLARE_ABSENT: none. */
int cli_declare_find(struct cli_declare *d, const struct cli_document *doc, struct cli_found *ret,
		     struct mu_error *err);
/* The same for what a person types: id, the start of one, or name. */
int cli_declare_find_ref(struct cli_declare *d, const struct cli_kind *kind, const char *ref,
			 struct cli_found *ret, struct mu_error *err);
/* Read anew from here on. */
void cli_declare_forget(struct cli_declare *d);

/* These give exit codes, their reasons printed. A host's task is waited for. */
int cli_declare_create(struct cli_declare *d, const struct cli_document *doc);
/* Change what was found, unless a field of `seen` (a spec, or a part of one) is otherwise by now.
 * `rename` may be NULL. */
int cli_declare_change(struct cli_declare *d, const struct cli_kind *kind,
		       const struct cli_found *found, const struct cli_diff *diff,
		       const struct mu_value *seen, const char *rename);

#endif
