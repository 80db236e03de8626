/* SPDX-License-Identifier: Apache-2.0 */
/*
 * muster vdi export and vm export, and import of a file of this machine. All go on by themselves
 * when the connection breaks, as long as something comes through now and then; --resume goes on
 * where an earlier run was cut off:
 *
 *   export   FILE.part holds what has come, FILE.part.tag what the server calls the content.
 *            Another content has another tag, and begins anew.
 *   import   the host has the upload: one for this repository, of this name, format and size.
 */
#include "aggregator/cli/format.h"
#include "aggregator/cli/pairs.h"
#include "aggregator/cli/task.h"
#include "aggregator/cli/verbs.h"
#include "common/base/assert.h"
#include "common/base/id.h"
#include "common/http/client.h"
#include "common/os/clock.h"
#include "common/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 8, PAUSE_MAX_MS = 30000, SHOW_EVERY_MS = 500, TAG_MAX = 160 };

static const char offset_type[] = "application/offset+octet-stream";

/* Both ways */

struct progress {
	const char *label;
	int64_t total; /* 0: not known yet */
	mu_msec shown_at;
	bool watched;
};

static void show(struct progress *p, int64_t done)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	mu_msec now = mu_clock_monotonic();

	if (!p->watched || p->total <= 0 || now - p->shown_at < SHOW_EVERY_MS)
		return;
	p->shown_at = now;
	cli_format_bar(&text, (int)((double)done * 100 / (double)p->total));
	mu_str_add(&text, " of ");
	cli_format_bytes(&text, p->total);
	(void)fprintf(stderr, "\r\033[K%s: %s", p->label, text.data);
}

static void unshow(const struct progress *p)
{
	if (p->watched)
		(void)fputs("\r\033[K", stderr);
}

/* Does it help to try again? */
static bool may_pass(enum mu_error_code code)
{
	return code == MU_E_UNAVAILABLE || code == MU_E_TIMEOUT;
}

/* After the `tries`th failure in a row. */
static void pause_before(const char *label, unsigned tries, const struct mu_error *why)
{
	int ms = tries < 5 ? 1000 << tries : PAUSE_MAX_MS;

	(void)fprintf(stderr, "muster: %s: %s; trying again\n", label, why->text);
	(void)poll(NULL, 0, ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* --format, or what the file's name ends in. */
static int choose_format(const struct cli *cli, const char *file, const char **ret,
			 struct mu_error *err)
{
	static const char *const formats[] = {"raw", "qcow2", "vhd", "vmdk", "ova", "img"};
	const char *dot = strrchr(base_name(file), '.');
	const char *name = cli->options.format ? cli->options.format : dot ? dot + 1 : "";

	for (size_t i = 0; i < MU_ARRAY_SIZE(formats); i++) {
		if (strcasecmp(name, formats[i]) == 0) {
			*ret = i == MU_ARRAY_SIZE(formats) - 1 ? "raw" : formats[i];
			return 0;
		}
	}
	return mu_error_set(err, MU_E_INVALID,
			    "what format is %.100s? hint: --format raw, qcow2, vhd or vmdk", file);
}

/* Export */

struct exporting {
	struct cli *cli;
	const char *path; /* of the request */
	const char *label;
	int fd;
	bool seekable;
	int64_t at; /* these are there */
	char tag[TAG_MAX];
	const char *tag_file;
	struct progress progress;
	struct mu_error err; /* of writing */
};

static int write_all(int fd, const char *p, size_t len, struct mu_error *err)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mu_error_errno(err, errno, "writing");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The first bytes of a response: is it what we have, or something else? */
static int begin(struct exporting *e, const struct http_client_response *r)
{
	char tag[TAG_MAX], length[32];
	uint64_t n = 0;

	http_client_header(r, "etag", tag, sizeof tag);
	http_client_header(r, "content-length", length, sizeof length);
	(void)mu_parse_u64(length, &n);
	if (r->status == 200 && e->at > 0) {
		if (!e->seekable)
			return mu_error_set(&e->err, MU_E_STATE,
					    "the disk was changed meanwhile, and what was written "
					    "cannot be taken back");
		if (ftruncate(e->fd, 0) < 0 || lseek(e->fd, 0, SEEK_SET) < 0)
			return mu_error_errno(&e->err, errno, "beginning anew");
		e->at = 0;
	}
	e->progress.total = e->at + (int64_t)n;
	if (strcmp(tag, e->tag) == 0)
		return 0;
	(void)snprintf(e->tag, sizeof e->tag, "%s", tag);
	return e->seekable ? mu_file_replace(e->tag_file, tag, strlen(tag), 0600, &e->err) : 0;
}

static bool on_bytes(const struct http_client_response *r, const void *data, size_t len, void *ctx)
{
	struct exporting *e = ctx;

	if (e->progress.total == 0 && begin(e, r) < 0)
		return false;
	if (write_all(e->fd, data, len, &e->err) < 0)
		return false;
	e->at += (int64_t)len;
	show(&e->progress, e->at);
	return true;
}

/* 0: all is here. */
static int export_once(struct exporting *e, struct mu_error *err)
{
	__attribute__((
	    cleanup(http_client_response_deinit_cleanup))) struct http_client_response answer =
	    HTTP_CLIENT_RESPONSE_INIT;
	const struct http_client_bytes bytes = {.fd = -1, .on_bytes = on_bytes, .ctx = e};
	char range[48];
	const struct http_client_header headers[] = {{"range", range}, {"if-range", e->tag}};
	int r;

	e->progress.total = 0;
	(void)snprintf(range, sizeof range, "bytes=%" PRId64 "-", e->at);
	r = cli_api_move(e->cli->api, e->cli->arena, "GET", e->path, headers,
			 e->at > 0 && e->tag[0] ? 2 : 0, &bytes, &answer, err);
	if (e->err.code != MU_E_NONE) {
		*err = e->err;
		return MU_FAILED;
	}
	/* There is nothing behind what we have: it is all. */
	return answer.status == 416 && e->at > 0 ? 0 : r;
}

static int export_all(struct exporting *e)
{
	struct mu_error err;
	unsigned tries = 0;
	int64_t before;

	for (;;) {
		before = e->at;
		err = (struct mu_error)MU_ERROR_INIT;
		if (export_once(e, &err) == 0)
			break;
		unshow(&e->progress);
		tries = e->at > before ? 0 : tries + 1;
		if (!may_pass(err.code) || tries >= TRIES)
			return cli_fail(&err);
		pause_before(e->label, tries, &err);
	}
	unshow(&e->progress);
	return CLI_OK;
}

static int read_tag(struct exporting *e)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	if (mu_file_read(e->tag_file, TAG_MAX - 1, &text, NULL) < 0 || text.len == 0)
		return MU_FAILED;
	(void)snprintf(e->tag, sizeof e->tag, "%s", text.data);
	return 0;
}

static int open_part(struct exporting *e, const char *part, struct mu_error *err)
{
	bool resume = e->cli->options.resume && read_tag(e) == 0;

	e->fd = open(part, O_WRONLY | O_CREAT | O_CLOEXEC | (resume ? 0 : O_TRUNC), 0600);
	if (e->fd < 0)
		return mu_error_errno(err, errno, "%s", part);
	e->at = lseek(e->fd, 0, SEEK_END);
	e->seekable = true;
	return 0;
}

static int keep_part(const struct exporting *e, const char *part, const char *file,
		     struct mu_error *err)
{
	if (fsync(e->fd) < 0 || rename(part, file) < 0)
		return mu_error_errno(err, errno, "%s", file);
	(void)unlink(e->tag_file);
	return 0;
}

static int export_to_file(struct exporting *e, const char *file)
{
	const char *part = mu_arena_printf(e->cli->arena, "%s.part", file);
	struct mu_error err = MU_ERROR_INIT;
	int r;

	e->tag_file = mu_arena_printf(e->cli->arena, "%s.part.tag", file);
	if (access(file, F_OK) == 0) {
		(void)mu_error_set(&err, MU_E_EXISTS, "%.200s exists; hint: remove it first", file);
		return cli_fail(&err);
	}
	if (open_part(e, part, &err) < 0)
		return cli_fail(&err);
	r = export_all(e);
	if (r == CLI_OK && keep_part(e, part, file, &err) < 0)
		r = cli_fail(&err);
	(void)close(e->fd);
	if (r != CLI_OK && e->at > 0)
		(void)fprintf(stderr, "muster: %s has what has come; hint: --resume goes on\n",
			      part);
	return r;
}

static int find_disk(struct cli *cli, const char *ref, const char **ret_id, struct mu_error *err)
{
	if (cli_find_id(cli, "vdis", ref, ret_id, err) == 0)
		return 0;
	return err->code == MU_E_NOT_FOUND ? cli_find_id(cli, "vdi-snapshots", ref, ret_id, err)
					   : MU_FAILED;
}

int cli_vdi_export(struct cli *cli, int argc, char **argv)
{
	struct exporting e = {.cli = cli,
			      .label = argv[0],
			      .fd = STDOUT_FILENO,
			      .progress = {.label = argv[0], .watched = cli_is_watched()}};
	struct mu_error err = MU_ERROR_INIT;
	const char *id, *format = "raw";

	(void)argc;
	if ((strcmp(argv[1], "-") != 0 || cli->options.format) &&
	    choose_format(cli, argv[1], &format, &err) < 0)
		return cli_fail(&err);
	if (find_disk(cli, argv[0], &id, &err) < 0)
		return cli_fail(&err);
	e.path = mu_arena_printf(cli->arena, "/rest/v0/vdis/%s.%s", id, format);
	return strcmp(argv[1], "-") == 0 ? export_all(&e) : export_to_file(&e, argv[1]);
}

static int find_vm(struct cli *cli, const char *ref, const char **ret_id, struct mu_error *err)
{
	const struct mu_value *vm;

	if (cli_find_vm(cli, ref, &vm, err) == 0) {
		*ret_id = mu_value_as_string(mu_value_get(vm, "id"));
		return 0;
	}
	return err->code == MU_E_NOT_FOUND ? cli_find_id(cli, "vm-snapshots", ref, ret_id, err)
					   : MU_FAILED;
}

int cli_vm_export(struct cli *cli, int argc, char **argv)
{
	struct exporting e = {.cli = cli,
			      .label = argv[0],
			      .fd = STDOUT_FILENO,
			      .progress = {.label = argv[0], .watched = cli_is_watched()}};
	struct mu_error err = MU_ERROR_INIT;
	const char *id;

	(void)argc;
	if (cli->options.format && strcmp(cli->options.format, "ova") != 0)
		(void)mu_error_set(&err, MU_E_INVALID,
				   "a VM is written as ova; hint: vdi export "
				   "writes a disk of it");
	if (err.code != MU_E_NONE || find_vm(cli, argv[0], &id, &err) < 0)
		return cli_fail(&err);
	e.path = mu_arena_printf(cli->arena, "/rest/v0/vms/%s.ova", id);
	return strcmp(argv[1], "-") == 0 ? export_all(&e) : export_to_file(&e, argv[1]);
}

/* Import */

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
	struct progress progress;
};

static void on_sent(int64_t n, void *ctx)
{
	struct importing *m = ctx;

	show(&m->progress, m->began_at + n);
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
		unshow(&m->progress);
		if ((!may_pass(err.code) && err.code != MU_E_STATE) || ++tries >= TRIES)
			return cli_fail(&err);
		pause_before(m->progress.label, tries, &err);
	}
	unshow(&m->progress);
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

	if (open_file(m, file, err) < 0 || choose_format(cli, file, &m->format, err) < 0 ||
	    cli_find_id(cli, "srs", cli->options.sr, &m->sr, err) < 0)
		return MU_FAILED;
	m->name = cli->options.name ? cli->options.name : base_name(file);
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

int cli_vm_import(struct cli *cli, int argc, char **argv)
{
	struct importing m = {.cli = cli,
			      .fd = -1,
			      .name = base_name(argv[0]),
			      .format = "ova",
			      .held = true,
			      .progress = {.label = argv[0], .watched = cli_is_watched()}};
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *arguments;
	int r;

	if (!cli->options.sr)
		(void)mu_error_set(&err, MU_E_INVALID, "vm import needs --sr SR; hint: sr list");
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
		r = cli_call_method(cli, argv[0], "vm.import_ova", m.sr, NULL, arguments);
	}
	if (r != CLI_OK && m.upload)
		(void)fprintf(stderr, "muster: what has come may still be on the host; hint: "
				      "--resume goes on\n");
	return r;
}
