/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `muster` command: what every verb gets and what it gives back. A verb asks the API, prints
 * to stdout and returns the exit code; messages go to stderr. One thread.
 */
#ifndef MUSTER_AGGREGATOR_CLI_CLI_H
#define MUSTER_AGGREGATOR_CLI_CLI_H

#include "aggregator/cli/api.h"
#include "aggregator/cli/options.h"
#include "aggregator/cli/render.h"
#include "aggregator/cli/resolve.h"

enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_NOT_FOUND = 3,
	CLI_CONFLICT = 4, /* not possible in the present state */
	CLI_RUNNING = 5,  /* timed out; the task, whose id is on stdout, may go on */
	CLI_PARTIAL = 6,  /* of several objects, some */
	CLI_DIFFERS = 7,  /* a comparison has found differences */
};

struct cli_verb;

struct cli {
	const struct cli_verb *verb;
	struct cli_options options;
	struct cli_api *api;
	struct mu_arena *arena;
	struct mu_str *captured; /* what is printed goes here; NULL: to stdout */
	bool watching;           /* it is printed again and again, and compared */
};

struct cli_verb {
	const char *noun; /* "" for verbs that have none */
	const char *verb;
	const char *args; /* "VM...", for --help */
	int min, max;     /* number of arguments; max -1 = any */
	unsigned groups;  /* options it takes */
	const char *help;
	int (*run)(struct cli *cli, int argc, char **argv);
	const char *action; /* vm: REST action, or method ("vm.delete"); `forced` with --force */
	const char *forced;
	const char *done; /* "started", for the line that says so */
};

/* Print the error and give the exit code that stands for it; MU_E_NONE is the end of a dry run. */
int cli_fail(const struct mu_error *err);
enum cli_exit cli_exit_of(enum mu_error_code code);
/* The exit code of several objects' results together. */
int cli_exit_together(const int *exits, size_t n);

/* Answer to GET `path`, or an error printed and its exit code returned (CLI_OK otherwise). */
int cli_get(struct cli *cli, const char *path, const struct mu_value **ret_body);
/* Append text, percent-encoded. */
void cli_add_encoded(struct mu_str *path, const char *value);
/* Append "?name=value" or "&name=value", percent-encoded. */
void cli_add_parameter(struct mu_str *path, const char *name, const char *value);
/* "/rest/v0/<collection>?fields=*" with the options' filter, sort and limit, percent-encoded. */
const char *cli_list_path(struct cli *cli, const char *collection,
			  const struct cli_column *columns);
struct cli_render cli_render_of(const struct cli *cli, const struct cli_column *columns);
/* What `out` holds, to stdout; a failed write is CLI_FAILED. */
int cli_print(struct mu_str *out);
/* The same for what --watch can show: to whoever captures it. */
int cli_print_view(struct cli *cli, struct mu_str *out);
/* Many objects as `render` says, the same way; of what -c names and none of them has, a word. */
int cli_print_list(struct cli *cli, const struct cli_render *render, const struct mu_value *list);
/* The verb `muster X list` in general. */
int cli_list(struct cli *cli, const char *collection, const struct cli_column *columns);
/* A file's text, or stdin's for "-". */
int cli_read_text(const char *path, struct mu_str *ret, struct mu_error *err);
/* A file's JSON, or stdin's for "-". */
int cli_read_json(struct cli *cli, const char *path, struct mu_value **ret, struct mu_error *err);
/* vm.c: the VM that `ref` names, with id, name_label and $container. */
int cli_find_vm(struct cli *cli, const char *ref, const struct mu_value **ret_vm,
		struct mu_error *err);
/* vm.c: the id of --host, or of the only host there is. */
int cli_choose_host(struct cli *cli, const char **ret_id, struct mu_error *err);
/* object_call.c: the id of what `ref` names in a collection ("vdis"). */
int cli_find_id(struct cli *cli, const char *collection, const char *ref, const char **ret_id,
		struct mu_error *err);
/* Does the person at the terminal say yes, or does --yes? CLI_OK, or the exit code of not doing it.
 */
int cli_confirm(struct cli *cli, const char *question);
/* How well the objects of this command have to be named: what destroys them takes whole names. */
enum cli_resolve_care cli_care(const struct cli *cli);
/* Is stderr somebody's terminal? */
bool cli_is_watched(void);

#endif
