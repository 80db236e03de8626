/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `apply -f FILE`: what is there is compared with what is declared, the difference is shown, and
 * made so. A mistake in the file, or an object that cannot be looked at, ends it before anything is
 * changed. A second run finds nothing to do. A dry run asks the server whether it would do it.
 */
#include "aggregator/cli/declare.h"
#include "aggregator/cli/verbs.h"
#include "common/os/clock.h"
#include "common/yaml/yaml.h"

#include <string.h>
#include <time.h>

enum { LOOK_EVERY_MS = 100, LOOK_FOR_MS = 10000 };

enum outcome {
	SAME,
	TO_CREATE,
	TO_CHANGE,
	CREATED,
	CHANGED,
	FAILED,
	REFUSED, /* of a trial */
	_OUTCOME_COUNT
};

static const char *const outcome_names[_OUTCOME_COUNT] = {
    [SAME] = "same",       [TO_CREATE] = "to create", [TO_CHANGE] = "to change",
    [CREATED] = "created", [CHANGED] = "changed",     [FAILED] = "failed",
    [REFUSED] = "refused",
};

struct plan {
	const struct cli_document *doc;
	struct cli_found found;
	struct cli_diff diff;
	enum outcome outcome;
	int exit;
};

static const struct cli_column columns[] = {
    {"KIND", "kind", CLI_CELL_TEXT, false},     {"NAME", "name", CLI_CELL_TEXT, false},
    {"RESULT", "result", CLI_CELL_TEXT, false}, {"FIELDS", "fields", CLI_CELL_TEXT, false},
    {NULL, NULL, CLI_CELL_TEXT, false},
};

/* --- reading --- */

static int read_documents(struct cli *cli, struct cli_document **ret, size_t *ret_n,
			  struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	const char *file = cli->options.file;
	struct mu_value *list;

	if (cli_read_text(file, &text, err) < 0)
		return MU_FAILED;
	if (mu_yaml_read(cli->arena, text.data ? text.data : "", text.len, &list, err) < 0 ||
	    cli_documents_read(cli->arena, list, ret, ret_n, err) < 0)
		return mu_error_prefix(err, "%s", strcmp(file, "-") == 0 ? "stdin" : file);
	return 0;
}

/* --- comparing --- */

static int compare(struct cli_declare *d, struct plan *p)
{
	struct mu_error err = MU_ERROR_INIT;
	int r = cli_declare_find(d, p->doc, &p->found, &err);

	if (r < 0) {
		(void)mu_error_prefix(&err, "%s %s", p->doc->kind->noun, p->doc->name);
		return cli_fail(&err);
	}
	p->diff = cli_diff(d->cli->arena, p->doc->kind,
			   r == CLI_DECLARE_ABSENT ? mu_value_object(d->cli->arena) : p->found.spec,
			   p->doc->spec);
	p->outcome = r == CLI_DECLARE_ABSENT ? TO_CREATE : p->diff.n > 0 ? TO_CHANGE : SAME;
	return CLI_OK;
}

static size_t count(const struct plan *plans, size_t n, enum outcome outcome)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += plans[i].outcome == outcome;
	return found;
}

static int show(const struct plan *plans, size_t n)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str out = MU_STR_INIT;

	for (size_t i = 0; i < n; i++) {
		bool is_new = plans[i].outcome == TO_CREATE;

		if (plans[i].outcome == SAME)
			continue;
		mu_str_printf(&out, "%c %s %s\n", is_new ? '+' : '~', plans[i].doc->kind->noun,
			      plans[i].doc->name);
		cli_diff_write(&out, &plans[i].diff, is_new);
	}
	mu_str_printf(&out, "%zu to create, %zu to change, %zu as declared\n",
		      count(plans, n, TO_CREATE), count(plans, n, TO_CHANGE),
		      count(plans, n, SAME));
	return cli_print(&out);
}

/* --- making it so --- */

/* Of what is there, only what is declared: the rest is not this file's. */
static struct mu_value *seen_of(struct cli *cli, const struct plan *p)
{
	struct mu_value *seen = mu_value_object(cli->arena);

	for (size_t i = 0; i < p->diff.n; i++)
		mu_value_set(cli->arena, seen, p->diff.changes[i].field->name,
			     mu_value_copy(cli->arena, p->diff.changes[i].from));
	return seen;
}

/* What was made, once the server knows it: what a host tells of it can come after its task's end.
 */
static int find_made(struct cli_declare *d, struct plan *now)
{
	const struct timespec span = {.tv_nsec = LOOK_EVERY_MS * 1000000L};
	mu_msec end = mu_clock_monotonic() + LOOK_FOR_MS;
	struct mu_error err = MU_ERROR_INIT;
	int r;

	for (;;) {
		cli_declare_forget(d);
		r = compare(d, now);
		if (r != CLI_OK || now->outcome != TO_CREATE)
			return r;
		if (mu_clock_monotonic() > end)
			break;
		(void)nanosleep(&span, NULL); /* polls: nothing tells of all kinds of objects */
	}
	(void)mu_error_set(&err, MU_E_TIMEOUT,
			   "%s %s: it was made, but is not to be seen yet; hint: apply again",
			   now->doc->kind->noun, now->doc->name);
	return cli_fail(&err);
}

/* What could not be said when it was made. */
static int complete(struct cli_declare *d, struct plan *p)
{
	struct plan now = {.doc = p->doc};
	int r = find_made(d, &now);

	if (r != CLI_OK || now.outcome != TO_CHANGE)
		return r;
	return cli_declare_change(d, p->doc->kind, &now.found, &now.diff, seen_of(d->cli, &now),
				  NULL);
}

static void carry_out(struct cli_declare *d, struct plan *p)
{
	if (p->outcome == TO_CREATE) {
		p->exit = cli_declare_create(d, p->doc);
		if (p->exit == CLI_OK)
			p->exit = complete(d, p);
		p->outcome = p->exit == CLI_OK ? CREATED : FAILED;
	} else if (p->outcome == TO_CHANGE) {
		p->exit = cli_declare_change(d, p->doc->kind, &p->found, &p->diff,
					     seen_of(d->cli, p), NULL);
		p->outcome = p->exit == CLI_OK ? CHANGED : FAILED;
	}
}

/* --- would it be done? --- */

/* What names something that this file makes before can be tried only when that is there. */
static bool may_come(const struct plan *plans, const struct plan *p)
{
	for (; plans < p; plans++)
		if (plans->outcome == TO_CREATE)
			return true;
	return false;
}

static int try_out(struct cli_declare *d, struct plan *plans, struct plan *p)
{
	int r = CLI_OK;

	if (p->outcome == TO_CREATE)
		r = cli_declare_create(d, p->doc);
	else if (p->outcome == TO_CHANGE)
		r = cli_declare_change(d, p->doc->kind, &p->found, &p->diff, seen_of(d->cli, p),
				       NULL);
	if (r == CLI_NOT_FOUND && may_come(plans, p)) {
		(void)fprintf(stderr, "muster: %s %s: not tried: it names what is made before it\n",
			      p->doc->kind->noun, p->doc->name);
		r = CLI_OK;
	}
	return r;
}

/* CLI_DIFFERS, unless the server would refuse something. */
static int try_all_out(struct cli_declare *d, struct plan *plans, size_t n)
{
	int *exits = mu_arena_calloc(d->cli->arena, n, sizeof *exits);
	int r;

	cli_api_try(d->cli->api);
	for (size_t i = 0; i < n; i++)
		exits[i] = try_out(d, plans, &plans[i]);
	for (size_t i = 0; i < n; i++)
		if (exits[i] != CLI_OK)
			plans[i].outcome = REFUSED;
	r = cli_exit_together(exits, n);
	return r == CLI_OK ? CLI_DIFFERS : r;
}

/* For programs. */
static struct mu_value *changes_of(struct cli *cli, const struct cli_diff *diff)
{
	struct mu_value *list = mu_value_list(cli->arena);

	for (size_t i = 0; i < diff->n; i++) {
		const struct cli_change *c = &diff->changes[i];
		struct mu_value *one = mu_value_push(list, mu_value_object(cli->arena));

		mu_value_set_string(cli->arena, one, "field", c->field->name);
		mu_value_set(cli->arena, one, "from", mu_value_copy(cli->arena, c->from));
		mu_value_set(cli->arena, one, "to", mu_value_copy(cli->arena, c->to));
	}
	return list;
}

static int print(struct cli *cli, const struct plan *plans, size_t n)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str out = MU_STR_INIT;
	struct cli_render render = cli_render_of(cli, columns);
	struct mu_value *list = mu_value_list(cli->arena);

	for (size_t i = 0; i < n; i++) {
		struct mu_value *one = mu_value_push(list, mu_value_object(cli->arena));

		mu_value_set_string(cli->arena, one, "kind", plans[i].doc->kind->noun);
		mu_value_set_string(cli->arena, one, "name", plans[i].doc->name);
		mu_value_set_string(cli->arena, one, "result", outcome_names[plans[i].outcome]);
		mu_value_set_string(cli->arena, one, "fields",
				    cli_diff_names(cli->arena, &plans[i].diff));
		mu_value_set(cli->arena, one, "changes", changes_of(cli, &plans[i].diff));
	}
	cli_render_list(&out, &render, list);
	return cli_print(&out);
}

static bool is_table(const struct cli *cli)
{
	return strcmp(cli->options.output, "table") == 0;
}

static int carry_all_out(struct cli_declare *d, struct plan *plans, size_t n)
{
	int *exits = mu_arena_calloc(d->cli->arena, n, sizeof *exits);
	int r;

	for (size_t i = 0; i < n; i++) {
		carry_out(d, &plans[i]);
		exits[i] = plans[i].exit;
	}
	r = cli_exit_together(exits, n);
	return print(d->cli, plans, n) == CLI_OK ? r : CLI_FAILED;
}

/* Everything is looked at before anything is changed. */
static int compare_all(struct cli_declare *d, struct plan *plans, const struct cli_document *docs,
		       size_t n)
{
	int r = CLI_OK;

	for (size_t i = 0; i < n; i++) {
		int of_one;

		plans[i].doc = &docs[i];
		of_one = compare(d, &plans[i]);
		if (of_one != CLI_OK)
			r = of_one;
	}
	return r;
}

int cli_apply(struct cli *cli, int argc, char **argv)
{
	struct cli_declare d = {.cli = cli};
	struct mu_error err = MU_ERROR_INIT;
	struct cli_document *docs;
	struct plan *plans;
	size_t n;
	int r;

	(void)argc;
	(void)argv;
	if (!cli->options.file || read_documents(cli, &docs, &n, &err) < 0) {
		if (!cli->options.file)
			(void)mu_error_set(&err, MU_E_INVALID,
					   "apply what? hint: -f FILE, - for stdin");
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	plans = mu_arena_calloc(cli->arena, n, sizeof *plans);
	r = compare_all(&d, plans, docs, n);
	if (r != CLI_OK)
		return r;
	if (is_table(cli) && show(plans, n) != CLI_OK)
		return CLI_FAILED;
	if (count(plans, n, SAME) == n)
		return is_table(cli) ? CLI_OK : print(cli, plans, n);
	if (cli->options.dry_run) {
		r = try_all_out(&d, plans, n);
		return is_table(cli) || print(cli, plans, n) == CLI_OK ? r : CLI_FAILED;
	}
	r = cli_confirm(cli, "Make it so?");
	return r == CLI_OK ? carry_all_out(&d, plans, n) : r;
}
