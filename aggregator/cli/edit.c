/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `edit NOUN NAME`: what can be changed of an object, in the editor; what was changed there is
 * changed on the server, unless somebody else has changed the object meanwhile. Nothing that was
 * written is lost: where it cannot be carried out, the file stays.
 */
#include "aggregator/cli/declare.h"
#include "aggregator/cli/verbs.h"
#include "aggregator/cli/yaml.h"
#include "common/os/file.h"
#include "common/yaml/yaml.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EDITED_MAX_BYTES = 256 * 1024, EDITOR_WORDS_MAX = 16 };

struct edit {
	struct cli_declare declare;
	const struct cli_kind *kind;
	struct cli_found found;
	const char *before; /* the file's text */
	char *file;
};

/* --- the file --- */

static const char *text_to_edit(struct cli *cli, const struct edit *e)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	mu_str_printf(&text,
		      "# %s %s. What is changed here is changed there; a line that is taken\n"
		      "# out leaves things as they are, null takes a value away.\n",
		      e->kind->noun, e->found.id);
	cli_yaml_write(&text, cli_document_of(cli->arena, e->kind, e->found.name, e->found.spec));
	return mu_arena_strdup(cli->arena, text.data);
}

static int write_file(struct cli *cli, struct edit *e, struct mu_error *err)
{
	const char *folder = getenv("TMPDIR");
	size_t len = strlen(e->before);
	int fd;

	e->file = mu_arena_printf(cli->arena, "%s/muster-%s-XXXXXX.yaml",
				  folder && *folder ? folder : "/tmp", e->kind->noun);
	fd = mkstemps(e->file, (int)strlen(".yaml"));
	if (fd < 0)
		return mu_error_errno(err, errno, "%s", e->file);
	if (write(fd, e->before, len) != (ssize_t)len) {
		int saved = errno;

		(void)close(fd);
		return mu_error_errno(err, saved, "%s", e->file);
	}
	if (close(fd) < 0)
		return mu_error_errno(err, errno, "%s", e->file);
	return 0;
}

/* --- the editor --- */

static const char *editor_of(void)
{
	static const char *const names[] = {"VISUAL", "EDITOR"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(names); i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return value;
	}
	return "vi";
}

/* Words of the variable ("code --wait"), and the file. */
static int run_editor(struct cli *cli, struct edit *e, struct mu_error *err)
{
	const char *editor = editor_of();
	char *words = mu_arena_strdup(cli->arena, editor), *save = NULL;
	char *argv[EDITOR_WORDS_MAX + 2];
	int n = 0, status, rc;
	pid_t pid;

	for (char *w = strtok_r(words, " ", &save); w && n < EDITOR_WORDS_MAX;
	     w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	argv[n++] = e->file;
	argv[n] = NULL;
	rc = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (rc != 0)
		return mu_error_errno(err, rc, "cannot run the editor '%.60s' of $EDITOR", editor);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return mu_error_errno(err, errno, "the editor");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return mu_error_set(err, MU_E_CANCELLED,
			    "the editor '%.60s' has failed, nothing is changed", editor);
}

/* --- what was made of it --- */

static int read_back(struct cli *cli, const struct edit *e, struct cli_document **ret,
		     size_t *ret_n, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct mu_value *list;

	*ret_n = 0;
	if (mu_file_read(e->file, EDITED_MAX_BYTES, &text, err) < 0)
		return MU_FAILED;
	if (mu_str_equal(text.data, e->before))
		return 0;
	if (mu_yaml_read(cli->arena, text.data ? text.data : "", text.len, &list, err) < 0 ||
	    cli_documents_read(cli->arena, list, ret, ret_n, err) < 0)
		return MU_FAILED;
	if (*ret_n > 1 || (*ret_n == 1 && ((*ret)->kind != e->kind || (*ret)->host)))
		return mu_error_set(err, MU_E_INVALID, "one document of kind %s is expected",
				    e->kind->noun);
	return 0;
}

static int show(const struct cli_diff *diff)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str out = MU_STR_INIT;

	cli_diff_write(&out, diff, false);
	return cli_print(&out);
}

/* The exit code; CLI_OK also when there is nothing to change. */
static int make_so(struct cli *cli, struct edit *e, const struct cli_document *doc)
{
	bool renamed = strcmp(doc->name, e->found.name) != 0;
	struct cli_diff diff = cli_diff(cli->arena, e->kind, e->found.spec, doc->spec);

	if (diff.n == 0 && !renamed) {
		(void)fputs("muster: nothing is changed\n", stderr);
		return CLI_OK;
	}
	if (!cli->options.dry_run && show(&diff) != CLI_OK)
		return CLI_FAILED;
	return cli_declare_change(&e->declare, e->kind, &e->found, &diff, e->found.spec,
				  renamed ? doc->name : NULL);
}

static int edit(struct cli *cli, struct edit *e)
{
	struct mu_error err = MU_ERROR_INIT;
	struct cli_document *doc;
	size_t n;
	int r;

	if (run_editor(cli, e, &err) < 0 || read_back(cli, e, &doc, &n, &err) < 0) {
		r = cli_fail(&err);
	} else if (n == 0) {
		(void)fputs("muster: nothing is changed\n", stderr);
		r = CLI_OK;
	} else {
		r = make_so(cli, e, doc);
	}
	if (r == CLI_OK)
		(void)unlink(e->file);
	else
		(void)fprintf(stderr, "muster: what you wrote is in %s\n", e->file);
	return r;
}

int cli_edit(struct cli *cli, int argc, char **argv)
{
	struct edit e = {.declare = {.cli = cli}, .kind = cli_kind_find(argv[0])};
	struct mu_error err = MU_ERROR_INIT;

	(void)argc;
	if (!e.kind || e.kind->fixed) {
		(void)mu_error_set(
		    &err, MU_E_INVALID,
		    "'%.40s' cannot be edited; hint: vm, sr, alarm-rule, user, group, "
		    "role",
		    argv[0]);
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	if (cli_declare_find_ref(&e.declare, e.kind, argv[1], &e.found, &err) < 0)
		return cli_fail(&err);
	e.before = text_to_edit(cli, &e);
	if (write_file(cli, &e, &err) < 0)
		return cli_fail(&err);
	return edit(cli, &e);
}
