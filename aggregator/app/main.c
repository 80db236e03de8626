/* SPDX-License-Identifier: Apache-2.0 */
/*
 * muster-aggregator: options, and a table of verbs. Those that make tokens ask the aggregator that
 * runs, over its Unix socket, or else work on the state directory themselves.
 */
#include "aggregator/app/app.h"
#include "aggregator/app/local.h"
#include "aggregator/store/audit.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/log/log.h"
#include "common/tls/tls.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

static const struct admin_asker local_asker = {.user = "root (local)", .from = "command line"};

static int complain(const struct mu_error *err)
{
	fprintf(stderr, "muster-aggregator: %s\n", err->text);
	return EXIT_FAILURE;
}

/* --- run --- */

static int verb_run(const struct app_options *o)
{
	struct mu_error err = MU_ERROR_INIT;
	struct app *app;

	if (app_open(o, &app, &err) < 0 || app_serve(app, &err) < 0)
		return complain(&err);
	app_run(app);
	return EXIT_SUCCESS;
}

/* --- tokens --- */

/* What a verb waits for on the loop. */
struct outcome {
	struct app *app;
	char *text;
	struct mu_error err;
};

static void outcome_take(struct outcome *out, const char *text, const struct mu_error *err)
{
	if (err)
		out->err = *err;
	else
		out->text = mu_xstrdup(text);
	mu_loop_stop(out->app->loop);
}

static void token_created(void *arg, const struct admin_token *t, const char *text,
			  const struct mu_error *err)
{
	(void)t;
	outcome_take(arg, text, err);
}

static void join_created(void *arg, const struct admin_join *j, const char *text,
			 const struct mu_error *err)
{
	(void)j;
	outcome_take(arg, text, err);
}

static void direct_token(struct app *app, struct outcome *out)
{
	const char *name = app->options->names;
	struct admin_token in = {.description = name ? name : ""};

	app->admin.token_create(app, &in, 0, &local_asker, token_created, out);
}

static void direct_join(struct app *app, struct outcome *out)
{
	const char *name = app->options->names;
	struct admin_join in = {.name = name ? name : ""};

	if (app->options->replace)
		mu_uuid_parse(app->options->replace, &in.replaces.uuid);
	app->admin.join_create(app, &in, 0, &local_asker, join_created, out);
}

/* Open the state directory, let `start` do one thing, close. */
static int direct(const struct app_options *o, void (*start)(struct app *app, struct outcome *out),
		  char **ret_text, struct mu_error *err)
{
	struct outcome out = {0};

	if (app_open(o, &out.app, err) < 0)
		return MU_FAILED;
	if (start) {
		start(out.app, &out);
		mu_loop_run(out.app->loop);
	}
	app_close(out.app);
	if (out.err.code != MU_E_NONE) {
		*err = out.err;
		return MU_FAILED;
	}
	*ret_text = out.text;
	return 0;
}

/* Over the socket when an aggregator runs; *ret_text from the reply's member. */
static int ask(const struct app_options *o, const char *path, const struct mu_value *body,
	       struct mu_arena *a, char **ret_text, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *socket = options_socket(o);
	struct mu_value *reply;
	const struct mu_value *token;
	const char *text;

	if (local_post(socket, path, body, a, &reply, err) < 0)
		return MU_FAILED;
	token = mu_value_get(reply, "token");
	text = mu_value_as_string(token);
	if (!text)
		text = mu_value_as_string(mu_value_get(token, "id"));
	if (!text)
		return mu_error_set(err, MU_E_PROTOCOL, "the aggregator's answer has no token");
	*ret_text = mu_xstrdup(text);
	return 0;
}

static int print_token(const struct app_options *o, const char *path, const struct mu_value *body,
		       struct mu_arena *a, void (*start)(struct app *app, struct outcome *out))
{
	MU_CLEANUP(mu_free) char *text = NULL;
	struct mu_error err = MU_ERROR_INIT;
	int r = ask(o, path, body, a, &text, &err);

	if (r < 0 && err.code == MU_E_UNAVAILABLE)
		r = direct(o, start, &text, &err);
	if (r < 0)
		return complain(&err);
	printf("%s\n", text);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int verb_token_create(const struct app_options *o)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *body = mu_value_object(a);

	if (o->names)
		mu_value_set_string(a, body, "description", o->names);
	return print_token(o, "/rest/v0/users/me/authentication_tokens", body, a, direct_token);
}

static int verb_join_token_create(const struct app_options *o)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *body = mu_value_object(a);
	struct mu_uuid uuid;
	struct mu_error err = MU_ERROR_INIT;

	if (o->names)
		mu_value_set_string(a, body, "name", o->names);
	if (o->replace && !mu_uuid_parse(o->replace, &uuid)) {
		mu_error_set(&err, MU_E_INVALID, "--replace: '%s' is not a host's id (UUID)",
			     o->replace);
		return complain(&err);
	}
	if (o->replace)
		mu_value_set_string(a, body, "replace", o->replace);
	return print_token(o, "/rest/v0/join-tokens", body, a, direct_join);
}

static int verb_init(const struct app_options *o)
{
	MU_CLEANUP(mu_free) char *text = NULL;
	struct mu_error err = MU_ERROR_INIT;

	if (direct(o, o->print_token ? direct_token : NULL, &text, &err) < 0)
		return complain(&err);
	if (text)
		printf("%s\n", text);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int verb_migrate(const struct app_options *o)
{
	MU_CLEANUP(mu_free) char *path = mu_xasprintf("%s/muster.db", o->state);
	struct mu_error err = MU_ERROR_INIT;

	if (o->to < 0) {
		mu_error_set(&err, MU_E_INVALID, "migrate needs --to VERSION");
		return complain(&err);
	}
	if (store_migrate(path, (int)o->to, &err) < 0)
		return complain(&err);
	return EXIT_SUCCESS;
}

static void print_verdict(const struct audit_check *c)
{
	if (c->trimmed.id)
		printf("records up to %" PRId64 " were dropped, as record %" PRId64 " says\n",
		       c->trimmed.id, c->said_by);
	if (!c->n_records) {
		printf("the audit log is empty\n");
		return;
	}
	printf("%zu records, %" PRId64 " to %" PRId64 ", are as they were written\n", c->n_records,
	       c->first, c->last.id);
	printf("head %" PRId64 ":%s\n", c->last.id, c->last.hash);
}

/* Also beside an aggregator that runs: only the file is read. */
static int verb_audit_verify(const struct app_options *o)
{
	MU_CLEANUP(mu_free) char *path = mu_xasprintf("%s/muster.db", o->state);
	struct mu_error err = MU_ERROR_INIT;
	struct audit_point kept = {0};
	struct audit_check check;

	if (o->head && !audit_point_parse(o->head, &kept)) {
		mu_error_set(&err, MU_E_INVALID, "--head: '%s' is not ID:HASH", o->head);
		complain(&err);
		return EXIT_USAGE;
	}
	if (store_audit_verify_file(path, o->head ? &kept : NULL, &check, &err) < 0)
		return complain(&err);
	if (check.wrong) {
		mu_error_set(&err, MU_E_STATE, "%s: the audit log is not what was written: %s",
			     path, check.why);
		return complain(&err);
	}
	print_verdict(&check);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int verb_example(const struct app_options *o)
{
	(void)o;
	mu_config_print_example(options_table, stdout);
	return EXIT_SUCCESS;
}

static int verb_version(const struct app_options *o)
{
	(void)o;
	printf("muster-aggregator %s\n", MUSTER_VERSION);
	return EXIT_SUCCESS;
}

static int verb_help(const struct app_options *o);

/* --- the table --- */

static const struct verb {
	const char *name;
	const char *second;
	int (*func)(const struct app_options *o);
	bool quiet; /* not a daemon: only warnings are logged */
	const char *help;
} verbs[] = {
    {"run", NULL, verb_run, false, "serve until told to stop (the default)"},
    {"init", NULL, verb_init, true, "make the state directory, its CA and its database"},
    {"token", "create", verb_token_create, true, "make and print an administrator's API token"},
    {"join-token", "create", verb_join_token_create, true,
     "make and print a token that enrols one host"},
    {"migrate", NULL, verb_migrate, true, "take the database to another version (--to)"},
    {"audit", "verify", verb_audit_verify, true,
     "is the audit log what was written? also beside an aggregator that runs"},
    {"example-config", NULL, verb_example, true, "print a configuration file"},
    {"version", NULL, verb_version, true, "print the version"},
    {"help", NULL, verb_help, true, "print this"},
};

static int verb_help(const struct app_options *o)
{
	(void)o;
	printf("usage: muster-aggregator [VERB] [OPTION...]\n\n");
	for (size_t i = 0; i < MU_ARRAY_SIZE(verbs); i++)
		printf("  %s%s%-*s %s\n", verbs[i].name, verbs[i].second ? " " : "",
		       (int)(20 - strlen(verbs[i].name) - (verbs[i].second ? 1 : 0)),
		       verbs[i].second ? verbs[i].second : "", verbs[i].help);
	printf("\n");
	mu_config_print_help(options_table, stdout);
	return EXIT_SUCCESS;
}

static const struct verb *verb_find(int argc, char *const *argv, int at, int *ret_next)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(verbs); i++) {
		const struct verb *v = &verbs[i];

		if (strcmp(argv[at], v->name) != 0)
			continue;
		if (v->second && (at + 1 >= argc || strcmp(argv[at + 1], v->second) != 0))
			continue;
		*ret_next = at + (v->second ? 2 : 1);
		return v;
	}
	return NULL;
}

/* The command line wins over the file, so it is read twice: for --config, then for the rest. */
static int read_options(struct app_options *o, int argc, char *const *argv, int *ret_next,
			struct mu_error *err)
{
	mu_config_defaults(options_table, o);
	if (mu_config_read_args(options_table, o, argc, argv, ret_next, err) < 0)
		return MU_FAILED;
	if (!o->config)
		return 0;
	if (mu_config_read_file(options_table, o, o->config, err) < 0)
		return MU_FAILED;
	return mu_config_read_args(options_table, o, argc, argv, ret_next, err);
}

static int usage(const char *what, const char *arg)
{
	fprintf(stderr, "muster-aggregator: %s '%s'; hint: see muster-aggregator help\n", what,
		arg);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	const struct verb *verb = &verbs[0];
	static struct app_options options; /* its strings live as long as the process */
	struct mu_error err = MU_ERROR_INIT;
	int at = 0;
	int next = 1;

	tls_init();
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0)
			return verb_help(NULL);
		if (strcmp(argv[i], "--version") == 0)
			return verb_version(NULL);
	}
	if (argc > 1 && argv[1][0] != '-') {
		verb = verb_find(argc, argv, 1, &next);
		if (!verb)
			return usage("no such verb", argv[1]);
		at = next - 1;
	}
	if (read_options(&options, argc - at, argv + at, &next, &err) < 0 ||
	    options_check(&options, &err) < 0) {
		complain(&err);
		return EXIT_USAGE;
	}
	if (next < argc - at)
		return usage("unexpected argument", argv[at + next]);
	mu_log_to_stderr();
	mu_log_set_level(verb->quiet ? MU_LOG_WARNING
				     : (enum mu_log_level)mu_log_level_parse(options.log_level));
	return verb->func(&options);
}
