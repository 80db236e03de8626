/* SPDX-License-Identifier: Apache-2.0 */
/*
 * muster vdi import and vm import. The host has the upload that --resume goes on with: one for this
 * repository, of this name, format and size.
 */
#include "aggregator/cli/method.h"
#include "aggregator/cli/pairs.h"
#include "aggregator/cli/task.h"
#include "aggregator/cli/transfer.h"
#include "aggregator/cli/verbs.h"
#include "common/base/id.h"
#include "common/http/client.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char offset_type[] = "application/offset+octet-stream";

struct importing {
	struct cli *cli;
	int fd;
	int64_t size;
	const char *sr;
	const char *name;
	const char *format;
	bool held;          /* a call reads the upload */
	const char *upload; /* its path */
	int64_t at;
	int64_t began_at;
	char task[MU_UUID_TEXT];
	struct transfer_progress progress;
};

static void on_sent(int64_t n, void *ctx)
{
	struct importing *m = ctx;

	transfer_show(&m->progress, m->began_at + n);
}

static int64_t number_of(const struct mu_value *v, const char *name)
{
	const struct mu_value *n = mu_value_get(v, name);

	return n && n->kind == MU_VALUE_INT ? n->integer : -1;
}

static bool is_ours(const struct importing *m, const struct mu_value *u)
{
	const struct mu_value *held = mu_value_get(u, "held");

	return (held && held->boolean) == m->held &&
	       mu_str_equal(mu_value_as_string(mu_value_get(u, "object")), m->sr) &&
	       mu_str_equal(mu_value_as_string(mu_value_get(u, "name_label")), m->name) &&
	       mu_str_equal(mu_value_as_string(mu_value_get(u, "format")), m->format) &&
	       number_of(u, "size") == m->size;
}

/* The upload that an earlier run has left on one of the hosts; NULL: none. */
static int find_upload(struct importing *m, struct mu_error *err)
{
	struct cli *cli = m->cli;
	const struct mu_value *hosts, *list;

	if (cli_api_call(cli->api, cli->arena, "GET", "/rest/v0/hosts?fields=id,connected", NULL,
			 &hosts, err) < 0)
		return MU_FAILED;
	mu_value_each(host, hosts)
	{
		const struct mu_value *connected = mu_value_get(host, "connected");
		const char *id = mu_value_as_string(mu_value_get(host, "id"));

		if (!id || !connected || !connected->boolean)
			continue;
		if (cli_api_call(cli->api, cli->arena, "GET",
				 mu_arena_printf(cli->arena, "/rest/v0/hosts/%s/uploads", id), NULL,
				 &list, err) < 0)
			return MU_FAILED;
		mu_value_each(u, list)
		{
			if (!is_ours(m, u))
				continue;
			m->upload = mu_arena_printf(cli->arena, "/rest/v0/hosts/%s/uploads/%s", id,
						    mu_value_as_string(mu_value_get(u, "id")));
			return 0;
		}
	}
	return 0;
}

static int make_upload(struct importing *m, struct mu_error *err)
{
	__attribute__((
	    cleanup(http_client_response_deinit_cleanup))) struct http_client_response answer =
	    HTTP_CLIENT_RESPONSE_INIT;
	const struct http_client_bytes none = {.fd = -1};
	const struct http_client_header headers[] = {
	    {"tus-resumable", "1.0.0"},
	    {"upload-length", mu_arena_printf(m->cli->arena, "%" PRId64, m->size)}};
	MU_CLEANUP(mu_str_deinit) struct mu_str path = MU_STR_INIT;

	mu_str_printf(&path, "/rest/v0/srs/%s/uploads", m->sr);
	cli_add_parameter(&path, "format", m->format);
	cli_add_parameter(&path, "name_label", m->name);
	if (m->held)
		cli_add_parameter(&path, "hold", "true");
	if (cli_api_move(m->cli->api, m->cli->arena, "POST", path.data, headers,
			 MU_ARRAY_SIZE(headers), &none, &answer, err) < 0)
		return MU_FAILED;
	if (!answer.location)
		return mu_error_set(err, MU_E_PROTOCOL, "the server does not say where to send it");
	m->upload = mu_arena_strdup(m->cli->arena, answer.location);
	return 0;
}

static int ask_offset(struct importing *m, struct mu_error *err)
{
	const struct mu_value *u;
	int64_t at;

	if (cli_api_call(m->cli->api, m->cli->arena, "GET", m->upload, NULL, &u, err) < 0)
		return MU_FAILED;
	at = number_of(u, "offset");
	if (at < 0 || at > m->size)
		return mu_error_set(err, MU_E_PROTOCOL, "the server does not say where it stands");
	m->at = at;
	return 0;
}

/* 0: all is there, and m->task makes a disk of it, unless it is held. */
static int send_rest(struct importing *m, struct mu_error *err)
{
	__attribute__((
	    cleanup(http_client_response_deinit_cleanup))) struct http_client_response answer =
	    HTTP_CLIENT_RESPONSE_INIT;
	const struct http_client_bytes bytes = {
	    .fd = m->fd, .offset = m->at, .length = m->size - m->at, .on_sent = on_sent, .ctx = m};
	const struct http_client_header headers[] = {
	    {"tus-resumable", "1.0.0"},
	    {"content-type", offset_type},
	    {"expect", ""},
	    {"upload-offset", mu_arena_printf(m->cli->arena, "%" PRId64, m->at)}};

	m->began_at = m->at;
	if (cli_api_move(m->cli->api, m->cli->arena, "PATCH", m->upload, headers,
			 MU_ARRAY_SIZE(headers), &bytes, &answer, err) < 0)
		return MU_FAILED;
	if (m->held)
		return 0; /* all that was announced was taken */
	http_client_header(&answer, "muster-task", m->task, sizeof m->task);
	if (!m->task[0])
		return mu_error_set(err, MU_E_UNAVAILABLE, "the server wants more");
	return 0;
}

/* Somebody else's connection, most often our own that is broken, may still be there: a conflict
 * about where it stands is no reason to give up either. */
static int import_all(struct importing *m)
{
	struct mu_error err;
	unsigned tries = 0;
	int64_t before;

	for (;;) {
		before = m->at;
		err = (struct mu_error)MU_ERROR_INIT;
		if (ask_offset(m, &err) == 0) {
			if (m->at > before)
				tries = 0;
			if (send_rest(m, &err) == 0)
				break;
		}
		transfer_unshow(&m->progress);
		if ((!transfer_may_pass(err.code) && err.code != MU_E_STATE) ||
		    ++tries >= TRANSFER_TRIES)
			return cli_fail(&err);
		transfer_pause(m->progress.label, tries, &err);
	}
	transfer_unshow(&m->progress);
	return CLI_OK;
}

static int open_file(struct importing *m, const char *file, struct mu_error *err)
{
	struct stat st;

	m->fd = open(file, O_RDONLY | O_CLOEXEC);
	if (m->fd < 0 || fstat(m->fd, &st) < 0)
		return mu_error_errno(err, errno, "%s", file);
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return mu_error_set(err, MU_E_INVALID, "%.200s is empty, or no regular file", file);
	m->size = m->progress.total = st.st_size;
	return 0;
}

static int prepare_import(struct importing *m, const char *file, struct mu_error *err)
{
	struct cli *cli = m->cli;

	if (open_file(m, file, err) < 0 || transfer_format(cli, file, &m->format, err) < 0 ||
	    cli_find_id(cli, "srs", cli->options.sr, &m->sr, err) < 0)
		return MU_FAILED;
	m->name = cli->options.name ? cli->options.name : transfer_base_name(file);
	if (cli->options.resume && find_upload(m, err) < 0)
		return MU_FAILED;
	return m->upload ? 0 : make_upload(m, err);
}

/* FILE --sr SR; else the image is one of the host. */
int cli_vdi_import(struct cli *cli, int argc, char **argv)
{
	struct importing m = {
	    .cli = cli, .fd = -1, .progress = {.label = argv[0], .watched = cli_is_watched()}};
	struct mu_error err = MU_ERROR_INIT;
	const struct mu_value *task;
	int r;

	if (!cli->options.sr && argc > 1)
		return cli_object_call(cli, argc, argv);
	if (!cli->options.sr || argc > 1) {
		(void)mu_error_set(&err, MU_E_INVALID,
				   "vdi import takes FILE --sr SR, or SR PATH; hint: --help");
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	r = prepare_import(&m, argv[0], &err) < 0 ? cli_fail(&err) : import_all(&m);
	if (m.fd >= 0)
		(void)close(m.fd);
	if (r != CLI_OK) {
		if (m.upload)
			(void)fprintf(stderr, "muster: the host keeps what has come for a day; "
					      "hint: --resume goes on\n");
		return r;
	}
	if (cli->options.no_wait) {
		(void)printf("%s\n", m.task);
		return CLI_OK;
	}
	r = cli_task_result(cli, m.task, argv[0], &task);
	if (r == CLI_OK)
		(void)printf("%s\n", strrchr(m.upload, '/') + 1);
	return r;
}

/* A VM of an archive: the same, then a call that reads it */

static int send_archive(struct importing *m, const char *file)
{
	struct mu_error err = MU_ERROR_INIT;
	int r;

	if (open_file(m, file, &err) < 0 ||
	    cli_find_id(m->cli, "srs", m->cli->options.sr, &m->sr, &err) < 0 ||
	    (m->cli->options.resume && find_upload(m, &err) < 0) ||
	    (!m->upload && make_upload(m, &err) < 0))
		r = cli_fail(&err);
	else
		r = import_all(m);
	if (m->fd >= 0)
		(void)close(m->fd);
	return r;
}

/* What xl or libvirt knows of a VM: "xl", "libvirt"; NULL: an archive. */
static const char *text_format(const struct cli *cli, const char *file)
{
	const char *dot = strrchr(file, '.');
	const char *name = cli->options.format ? cli->options.format : dot ? dot + 1 : "";

	if (strcmp(name, "xl") == 0 || strcmp(name, "cfg") == 0)
		return "xl";
	return strcmp(name, "libvirt") == 0 || strcmp(name, "xml") == 0 ? "libvirt" : NULL;
}

/* Its disks are where they are: nothing is copied. */
static int import_text(struct cli *cli, const char *file, const char *format)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str text = MU_STR_INIT;
	struct cli_method_call call = {.method = "vm.import"};
	struct mu_value *arguments = mu_value_object(cli->arena);
	struct mu_error err = MU_ERROR_INIT;

	if (cli_read_text(file, &text, &err) < 0 || cli_choose_host(cli, &call.object, &err) < 0)
		return cli_fail(&err);
	mu_value_set_string(cli->arena, arguments, "text", text.data ? text.data : "");
	mu_value_set_string(cli->arena, arguments, "format", format);
	call.arguments = arguments;
	return cli_call_method(cli, file, &call);
}

int cli_vm_import(struct cli *cli, int argc, char **argv)
{
	const char *format = text_format(cli, argv[0]);
	struct importing m = {.cli = cli,
			      .fd = -1,
			      .name = transfer_base_name(argv[0]),
			      .format = "ova",
			      .held = true,
			      .progress = {.label = argv[0], .watched = cli_is_watched()}};
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *arguments;
	int r;

	if (format && argc == 1 && !cli->options.sr)
		return import_text(cli, argv[0], format);
	if (format)
		(void)mu_error_set(
		    &err, MU_E_INVALID,
		    "a file of %s says all itself; hint: --host HOST is all it takes", format);
	else if (!cli->options.sr || cli->options.host)
		(void)mu_error_set(&err, MU_E_INVALID,
				   "vm import of an archive takes --sr SR, which says where; hint: "
				   "sr list");
	if (err.code != MU_E_NONE ||
	    cli_pairs_parse(cli->arena, argc - 1, argv + 1, &arguments, &err) < 0) {
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	r = send_archive(&m, argv[0]);
	if (r == CLI_OK) {
		mu_value_set_string(cli->arena, arguments, "upload", strrchr(m.upload, '/') + 1);
		if (cli->options.name)
			mu_value_set_string(cli->arena, arguments, "name_label", cli->options.name);
		if (cli->options.network)
			mu_value_set_string(cli->arena, arguments, "network", cli->options.network);
		r = cli_call_method(cli, argv[0],
				    &(struct cli_method_call){.method = "vm.import_ova",
							      .object = m.sr,
							      .arguments = arguments});
	}
	if (r != CLI_OK && m.upload)
		(void)fprintf(stderr, "muster: what has come may still be on the host; hint: "
				      "--resume goes on\n");
	return r;
}
