/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ova/archive.h"

#include "agent/storage/image_head.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* Blocks that are looked at: an archive of folders and links without end is none. */
enum { HEADERS_MAX = 1000, CHUNK = 1 << 20 };

static int invalid(const char *what, struct mu_error *err)
{
	return mu_error_set(err, MU_E_INVALID, "%s", what);
}

static int read_all(int fd, void *buf, size_t len, int64_t at, struct mu_error *err)
{
	char *to = buf;

	while (len > 0) {
		ssize_t n = pread(fd, to, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mu_error_errno(err, errno, "read");
		if (n == 0)
			return invalid("the archive is cut off", err);
		to += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The table */

static int add_member(struct ova *ova, const struct image_tar_member *m, int64_t at,
		      struct mu_error *err)
{
	const char *name = mu_str_has_prefix(m->name, "./") ? m->name + 2 : m->name;
	struct ova_member *to = &ova->members[ova->n_members];

	/* What lies in folders belongs to no OVA, and nothing here can name it. */
	if (!m->is_file || !*name || strchr(name, '/'))
		return 0;
	if (!mu_utf8_valid(name, strlen(name)))
		return invalid("a file of the archive has a name that is no text", err);
	if (ova_find(ova, name))
		return mu_error_set(err, MU_E_INVALID, "the archive holds \"%.100s\" twice", name);
	if (ova->n_members == OVA_MEMBERS_MAX)
		return mu_error_set(err, MU_E_INVALID, "the archive holds more than %d files",
				    OVA_MEMBERS_MAX);
	*to = (struct ova_member){.offset = at, .length = m->size_bytes};
	memcpy(to->name, name, strlen(name) + 1);
	ova->n_members++;
	return 0;
}

static int read_table(int fd, int64_t file_size, struct ova *ova, struct mu_error *err)
{
	unsigned char block[IMAGE_TAR_BLOCK];
	struct image_tar_member m;
	int64_t at = 0;
	int r;

	for (int i = 0; at <= file_size - IMAGE_TAR_BLOCK; i++) {
		if (i == HEADERS_MAX)
			return invalid("the archive holds too many files", err);
		if (read_all(fd, block, sizeof block, at, err) < 0)
			return MU_FAILED;
		r = image_tar_member(block, &m, err);
		if (r < 0)
			return MU_FAILED;
		if (r == IMAGE_TAR_END)
			return 0;
		at += IMAGE_TAR_BLOCK;
		if (m.size_bytes > file_size - at)
			return invalid("the archive is cut off", err);
		if (add_member(ova, &m, at, err) < 0)
			return MU_FAILED;
		at += (m.size_bytes + IMAGE_TAR_BLOCK - 1) / IMAGE_TAR_BLOCK * IMAGE_TAR_BLOCK;
	}
	return at < file_size ? invalid("the archive is cut off", err) : 0;
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t len = strlen(name), n = strlen(suffix);

	return len > n && strcasecmp(name + len - n, suffix) == 0;
}

/* The only one of that kind; NULL: there is none. */
static int find_kind(struct ova *ova, const char *suffix, struct ova_member **ret,
		     struct mu_error *err)
{
	*ret = NULL;
	for (size_t i = 0; i < ova->n_members; i++) {
		if (!ends_in(ova->members[i].name, suffix))
			continue;
		if (*ret)
			return mu_error_set(err, MU_E_INVALID,
					    "the archive holds more than one %s file", suffix);
		*ret = &ova->members[i];
	}
	return 0;
}

static int read_text(int fd, const struct ova_member *m, int64_t max, struct mu_str *ret,
		     struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *text = NULL;

	if (m->length > max)
		return mu_error_set(err, MU_E_INVALID, "\"%.100s\" is too large for what it is",
				    m->name);
	text = mu_xmalloc((size_t)m->length + 1);
	if (read_all(fd, text, (size_t)m->length, m->offset, err) < 0)
		return MU_FAILED;
	mu_str_add_bytes(ret, text, (size_t)m->length);
	return 0;
}

/* Digests */

struct checking {
	struct ova *ova;
	int fd;
	const struct copy_watch *watch;
	int64_t total;
	int64_t done;
	int last;
	char *buf;
};

static int digest_of(struct checking *c, const struct ova_member *m, enum tls_digest_kind kind,
		     char ret[static TLS_DIGEST_TEXT], struct mu_error *err)
{
	MU_CLEANUP(tls_digest_free) struct tls_digest *d = tls_digest_new(kind);

	for (int64_t at = 0; at < m->length;) {
		size_t n = m->length - at < CHUNK ? (size_t)(m->length - at) : CHUNK;

		if (read_all(c->fd, c->buf, n, m->offset + at, err) < 0)
			return MU_FAILED;
		tls_digest_add(d, c->buf, n);
		at += (int64_t)n;
		c->done += (int64_t)n;
		if (copy_step(c->watch, c->done, c->total, &c->last, err) < 0)
			return MU_FAILED;
	}
	tls_digest_text(d, ret);
	return 0;
}

static int check_one(void *ctx, const struct ova_digest *d, struct mu_error *err)
{
	struct checking *c = ctx;
	struct ova_member *m = (struct ova_member *)(uintptr_t)ova_find(c->ova, d->name);
	char is[TLS_DIGEST_TEXT];

	if (!m)
		return mu_error_set(err, MU_E_INVALID,
				    "the manifest speaks of \"%.100s\", which is not there",
				    d->name);
	if (m->checked)
		return mu_error_set(err, MU_E_INVALID,
				    "the manifest speaks of \"%.100s\" more than once", d->name);
	if (digest_of(c, m, d->kind, is, err) < 0)
		return MU_FAILED;
	if (strcmp(is, d->hex) != 0)
		return mu_error_set(err, MU_E_INVALID,
				    "\"%.100s\" is not what the manifest says: its %s is another; "
				    "hint: get the archive again",
				    d->name, tls_digest_name(d->kind));
	m->checked = true;
	return 0;
}

static int check_digests(struct checking *c, const struct mu_str *manifest, struct mu_error *err)
{
	for (size_t i = 0; i < c->ova->n_members; i++)
		c->total += c->ova->members[i].length;
	if (ova_manifest_read(manifest->data ? manifest->data : "", manifest->len, check_one, c,
			      err) < 0)
		return MU_FAILED;
	for (size_t i = 0; i < c->ova->n_members; i++) {
		const struct ova_member *m = &c->ova->members[i];

		if (!m->checked && !ends_in(m->name, ".mf") && !ends_in(m->name, ".cert"))
			return mu_error_set(err, MU_E_INVALID,
					    "the manifest does not speak of \"%.100s\"", m->name);
	}
	return 0;
}

static int check_manifest(int fd, const struct copy_watch *w, struct ova *ova, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	MU_CLEANUP(mu_free) char *buf = NULL;
	struct checking c = {.ova = ova, .fd = fd, .watch = w};
	struct ova_member *mf, *cert;

	if (find_kind(ova, ".mf", &mf, err) < 0 || find_kind(ova, ".cert", &cert, err) < 0)
		return MU_FAILED;
	ova->is_signed = cert != NULL;
	ova->has_manifest = mf != NULL;
	if (!mf)
		return 0;
	if (read_text(fd, mf, OVA_MANIFEST_MAX, &text, err) < 0)
		return MU_FAILED;
	c.buf = buf = mu_xmalloc(CHUNK);
	return check_digests(&c, &text, err);
}

static int look(int fd, const struct copy_watch *w, struct ova *ova, struct mu_error *err)
{
	struct ova_member *ovf;
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return invalid("not a regular file", err);
	if (read_table(fd, st.st_size, ova, err) < 0 || find_kind(ova, ".ovf", &ovf, err) < 0)
		return MU_FAILED;
	if (!ovf)
		return invalid("the file is no OVA: it holds no .ovf descriptor", err);
	/* First what is small, so that most of what is wrong is told at once. */
	if (read_text(fd, ovf, OVA_DESCRIPTOR_MAX, &ova->descriptor, err) < 0)
		return MU_FAILED;
	return check_manifest(fd, w, ova, err);
}

int ova_open(const char *path, const struct copy_watch *w, struct ova *ret_ova,
	     struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct ova *ova = mu_xcalloc(1, sizeof *ova);
	__attribute__((cleanup(copy_close))) int fd = -1;

	if (path[0] != '/')
		return mu_error_set(err, MU_E_INVALID, "\"%.200s\": not an absolute path", path);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return mu_error_errno(err, errno, "archive %s", path);
	if (look(fd, w, ova, err) < 0) {
		ova_deinit(ova);
		return mu_error_prefix(err, "archive %s", path);
	}
	*ret_ova = *ova;
	return 0;
}

void ova_deinit(struct ova *ova)
{
	mu_str_deinit(&ova->descriptor);
}

const struct ova_member *ova_find(const struct ova *ova, const char *name)
{
	for (size_t i = 0; i < ova->n_members; i++) {
		if (strcmp(ova->members[i].name, name) == 0)
			return &ova->members[i];
	}
	return NULL;
}
