/* SPDX-License-Identifier: Apache-2.0 */
/*
 * muster vdi export and vm export. FILE.part holds what has come, FILE.part.tag what the server
 * calls the content: another content has another tag, and begins anew.
 */
#include "aggregator/cli/transfer.h"
#include "aggregator/cli/verbs.h"
#include "common/http/client.h"
#include "common/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TAG_MAX = 160 };

struct exporting {
	struct cli *cli;
	const char *path; /* of the request */
	const char *label;
	int fd;
	bool seekable;
	int64_t at; /* these are there */
	char tag[TAG_MAX];
	const char *tag_file;
	struct transfer_progress progress;
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
	transfer_show(&e->progress, e->at);
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
		transfer_unshow(&e->progress);
		tries = e->at > before ? 0 : tries + 1;
		if (!transfer_may_pass(err.code) || tries >= TRANSFER_TRIES)
			return cli_fail(&err);
		transfer_pause(e->label, tries, &err);
	}
	transfer_unshow(&e->progress);
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
	    transfer_format(cli, argv[1], &format, &err) < 0)
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
