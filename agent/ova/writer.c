/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ova/archive.h"

#include "agent/storage/image_head.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 20, END_BLOCKS = 2 };
#define OCTAL_MAX ((int64_t)8 << 30) /* what 11 octal digits do not reach */

static int put(const struct ova_writer *w, const void *data, size_t len, int64_t at,
	       struct mu_error *err)
{
	const char *from = data;

	while (len > 0) {
		ssize_t n = pwrite(w->fd, from, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mu_error_errno(err, errno, "%s", w->path);
		from += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* POSIX ustar; sizes that do not fit in binary, as GNU tar has them. */
static int put_header(const struct ova_writer *w, const char *name, int64_t size, int64_t at,
		      struct mu_error *err)
{
	char block[IMAGE_TAR_BLOCK] = {0};
	unsigned sum = 0;

	(void)snprintf(block, OVA_NAME_MAX, "%s", name);
	memcpy(block + 100, "0000644", 8);
	memcpy(block + 108, "0000000", 8);
	memcpy(block + 116, "0000000", 8);
	if (size < OCTAL_MAX) {
		(void)snprintf(block + 124, 12, "%011" PRIo64, (uint64_t)size);
	} else {
		block[124] = (char)0x80;
		for (int i = 0; i < 8; i++)
			block[135 - i] = (char)(size >> (8 * i));
	}
	memcpy(block + 136, "00000000000", 12);
	memset(block + 148, ' ', 8);
	block[156] = '0';
	memcpy(block + 257, "ustar\00000", 8);
	for (size_t i = 0; i < sizeof block; i++)
		sum += (unsigned char)block[i];
	(void)snprintf(block + 148, 8, "%06o", sum);
	return put(w, block, sizeof block, at, err);
}

static int64_t padded(int64_t size)
{
	return (size + IMAGE_TAR_BLOCK - 1) / IMAGE_TAR_BLOCK * IMAGE_TAR_BLOCK;
}

static void note(struct ova_writer *w, const char *name, struct tls_digest *digest)
{
	struct ova_digest d = {.kind = TLS_SHA256};

	(void)snprintf(d.name, sizeof d.name, "%s", name);
	tls_digest_text(digest, d.hex);
	ova_manifest_add(&w->manifest, &d);
}

int ova_writer_begin(struct ova_writer *w, const char *path, const char *name, size_t room,
		     struct mu_error *err)
{
	w->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (w->fd < 0)
		return mu_error_errno(err, errno, "%s", path);
	w->path = mu_xstrdup(path);
	(void)snprintf(w->descriptor, sizeof w->descriptor, "%.90s.ovf", name);
	w->room = (int64_t)room;
	w->at = IMAGE_TAR_BLOCK + padded(w->room);
	return 0;
}

static int copy_in(struct ova_writer *w, int from, int64_t size, struct tls_digest *digest,
		   const struct copy_watch *watch, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *buf = mu_xmalloc(CHUNK);
	int64_t done = 0;
	int last = 0;

	while (done < size) {
		size_t want = size - done < CHUNK ? (size_t)(size - done) : CHUNK;
		ssize_t n = pread(from, buf, want, done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return mu_error_errno(err, n < 0 ? errno : EIO, "reading an image");
		if (put(w, buf, (size_t)n, w->at + done, err) < 0)
			return MU_FAILED;
		tls_digest_add(digest, buf, (size_t)n);
		done += n;
		if (copy_step(watch, done, size, &last, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

int ova_writer_add(struct ova_writer *w, const char *name, const char *file,
		   const struct copy_watch *watch, int64_t *ret_size, struct mu_error *err)
{
	MU_CLEANUP(tls_digest_free) struct tls_digest *digest = tls_digest_new(TLS_SHA256);
	__attribute__((cleanup(copy_close))) int from =
	    open(file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (from < 0 || fstat(from, &st) < 0)
		return mu_error_errno(err, errno, "%s", file);
	if (put_header(w, name, st.st_size, w->at, err) < 0)
		return MU_FAILED;
	w->at += IMAGE_TAR_BLOCK;
	if (copy_in(w, from, st.st_size, digest, watch, err) < 0)
		return MU_FAILED;
	w->at += padded(st.st_size);
	note(w, name, digest);
	*ret_size = st.st_size;
	return 0;
}

static int put_descriptor(struct ova_writer *w, const struct mu_str *text, struct mu_error *err)
{
	MU_CLEANUP(tls_digest_free) struct tls_digest *digest = tls_digest_new(TLS_SHA256);
	MU_CLEANUP(mu_free) char *whole = mu_xmalloc((size_t)w->room);

	if ((int64_t)text->len > w->room)
		return mu_error_set(err, MU_E_TOO_LARGE, "a descriptor of %zu bytes", text->len);
	memset(whole, '\n', (size_t)w->room);
	memcpy(whole, text->data, text->len);
	tls_digest_add(digest, whole, (size_t)w->room);
	note(w, w->descriptor, digest);
	if (put_header(w, w->descriptor, w->room, 0, err) < 0)
		return MU_FAILED;
	return put(w, whole, (size_t)w->room, IMAGE_TAR_BLOCK, err);
}

int ova_writer_end(struct ova_writer *w, const struct mu_str *descriptor, struct mu_error *err)
{
	char name[OVA_NAME_MAX + 1];

	(void)snprintf(name, sizeof name, "%.*s.mf", (int)(strlen(w->descriptor) - 4),
		       w->descriptor);
	if (put_descriptor(w, descriptor, err) < 0 ||
	    put_header(w, name, (int64_t)w->manifest.len, w->at, err) < 0 ||
	    put(w, w->manifest.data, w->manifest.len, w->at + IMAGE_TAR_BLOCK, err) < 0)
		return MU_FAILED;
	w->at += IMAGE_TAR_BLOCK + padded((int64_t)w->manifest.len) +
		 END_BLOCKS * (int64_t)IMAGE_TAR_BLOCK;
	if (ftruncate(w->fd, w->at) < 0 || fsync(w->fd) < 0)
		return mu_error_errno(err, errno, "%s", w->path);
	return 0;
}

void ova_writer_deinit(struct ova_writer *w)
{
	if (w->path)
		copy_close(&w->fd);
	free(w->path);
	mu_str_deinit(&w->manifest);
	*w = (struct ova_writer){.fd = -1};
}
