/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three gates before an image's bytes are interpreted: our own look at its header (image_head.c),
 * qemu-img's report of it with the format given, and options (--image-opts) that name the driver of
 * every layer, so that nothing is ever probed. qemu-img runs with limits of memory and time and
 * dies with us: a copy that goes on after a crash would write into what the sweep removes.
 *
 * Raw images are copied by us: nothing to interpret.
 */
#include "agent/storage/image.h"

#include "agent/storage/image_head.h"
#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "common/os/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TAR_MEMBERS_MAX = 1000, INFO_DEADLINE_MS = 60000, OUTPUT_MAX = 256 << 10 };
#define LIMIT_MEMORY "--as=2147483648"
#define LIMIT_INFO_CPU "--cpu=30"

static const struct {
	const char *name;
	const char *driver;  /* QEMU's name */
	const char *options; /* for writing; NULL = none */
} formats[_IMAGE_FORMAT_COUNT] = {
    [IMAGE_RAW] = {"raw", "raw", NULL},
    [IMAGE_QCOW2] = {"qcow2", "qcow2", NULL},
    [IMAGE_VHD] = {"vhd", "vpc", "subformat=dynamic,force_size=on"},
    [IMAGE_VMDK] = {"vmdk", "vmdk", "subformat=streamOptimized"},
    [IMAGE_OVA] = {"ova", NULL, NULL},
};

const char *image_format_name(enum image_format f)
{
	mu_assert(f < _IMAGE_FORMAT_COUNT);
	return formats[f].name;
}

bool image_format_parse(const char *name, enum image_format *ret)
{
	for (size_t i = 0; i < _IMAGE_FORMAT_COUNT; i++) {
		if (strcmp(name, formats[i].name) == 0) {
			*ret = (enum image_format)i;
			return true;
		}
	}
	return false;
}

/* QEMU's options are "key=value,..."; a "," in a value is written twice. */
static void add_filename(struct mu_str *s, const char *path)
{
	for (; *path; path++) {
		mu_str_add_char(s, *path);
		if (*path == ',')
			mu_str_add_char(s, ',');
	}
}

static void image_options(const struct image *image, struct mu_str *s)
{
	mu_str_printf(s, "driver=%s,", formats[image->format].driver);
	if (image->offset > 0)
		mu_str_printf(s,
			      "file.driver=raw,file.offset=%" PRId64 ",file.size=%" PRId64
			      ",file.file.driver=file,file.file.filename=",
			      image->offset, image->length);
	else
		mu_str_add(s, "file.driver=file,file.filename=");
	add_filename(s, image->path);
}

static int disk_options(const char *path, struct mu_str *s, struct mu_error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return mu_error_errno(err, errno, "%s", path);
	mu_str_printf(s, "driver=raw,file.driver=%s,file.filename=",
		      S_ISBLK(st.st_mode) ? "host_device" : "file");
	add_filename(s, path);
	return 0;
}

/* Opening */

static int read_at(int fd, void *buf, size_t len, int64_t at, size_t *ret_n, struct mu_error *err)
{
	ssize_t n;

	do
		n = pread(fd, buf, len, at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return mu_error_errno(err, errno, "read at %" PRId64, at);
	*ret_n = (size_t)n;
	return 0;
}

static bool is_vmdk(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && strcasecmp(name + len - 5, ".vmdk") == 0;
}

/* The one disk of an OVA. Its members lie one behind the other, so it is a part of this file. */
static int find_in_ova(int fd, int64_t file_size, struct image *image, struct mu_error *err)
{
	unsigned char block[IMAGE_TAR_BLOCK];
	struct image_tar_member m;
	int n_disks = 0;
	int64_t at = 0;
	size_t n;
	int r;

	for (int i = 0; i < TAR_MEMBERS_MAX && at < file_size; i++) {
		if (read_at(fd, block, sizeof block, at, &n, err) < 0)
			return MU_FAILED;
		r = n == sizeof block ? image_tar_member(block, &m, err) : IMAGE_TAR_END;
		if (r < 0)
			return MU_FAILED;
		if (r == IMAGE_TAR_END)
			break;
		at += IMAGE_TAR_BLOCK;
		if (m.size_bytes > file_size - at)
			return mu_error_set(err, MU_E_INVALID, "the archive is cut off");
		if (m.is_file && is_vmdk(m.name)) {
			n_disks++;
			image->offset = at;
			image->length = m.size_bytes;
		}
		at += (m.size_bytes + IMAGE_TAR_BLOCK - 1) / IMAGE_TAR_BLOCK * IMAGE_TAR_BLOCK;
	}
	if (n_disks != 1)
		return mu_error_set(
		    err, MU_E_INVALID,
		    "the archive holds %d .vmdk files; hint: one disk is imported at a time",
		    n_disks);
	image->format = IMAGE_VMDK;
	return 0;
}

static int check_descriptor(int fd, const struct image *image, const unsigned char *head,
			    struct mu_error *err)
{
	int64_t at;
	size_t len, n;
	MU_CLEANUP(mu_free) char *text = NULL;

	if (image_head_descriptor(head, &at, &len, err) < 0)
		return MU_FAILED;
	if (at > image->length - (int64_t)len)
		return mu_error_set(err, MU_E_INVALID, "the image is cut off");
	text = mu_xmalloc(len);
	if (read_at(fd, text, len, image->offset + at, &n, err) < 0)
		return MU_FAILED;
	return image_descriptor_check(text, n, err);
}

static int check_head(int fd, const struct image *image, struct mu_error *err)
{
	unsigned char head[IMAGE_HEAD_BYTES] = {0}, tail[IMAGE_TAIL_BYTES] = {0};
	size_t n;

	if (read_at(fd, head, sizeof head, image->offset, &n, err) < 0 ||
	    (image->length >= IMAGE_TAIL_BYTES &&
	     read_at(fd, tail, sizeof tail, image->offset + image->length - IMAGE_TAIL_BYTES, &n,
		     err) < 0))
		return MU_FAILED;
	if (image_head_check(image->format, head, tail, err) < 0)
		return MU_FAILED;
	return image->format == IMAGE_VMDK ? check_descriptor(fd, image, head, err) : 0;
}

/* What qemu-img says of it. Keys are those of QEMU's ImageInfo. */
static int judge_info(const struct image *image, const struct mu_str *text, int64_t *ret_size,
		      struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const struct mu_value *size, *data;
	const char *format;
	struct mu_value *v;

	if (mu_json_read(a, text->data ? text->data : "", text->len, &v, err) < 0)
		return mu_error_prefix(err, "qemu-img info");
	format = mu_value_as_string(mu_value_get(v, "format"));
	size = mu_value_get(v, "virtual-size");
	data = mu_value_get(mu_value_get(v, "format-specific"), "data");
	if (!format || strcmp(format, formats[image->format].driver) != 0)
		return mu_error_set(err, MU_E_INVALID, "the file is no %s image",
				    image_format_name(image->format));
	if (mu_value_get(v, "backing-filename") || mu_value_get(v, "full-backing-filename") ||
	    mu_value_get(data, "data-file"))
		return mu_error_set(err, MU_E_INVALID,
				    "the image leads to another file, which is never followed");
	if (!size || size->kind != MU_VALUE_INT || size->integer <= 0 ||
	    size->integer > SR_VDI_SIZE_MAX)
		return mu_error_set(err, MU_E_INVALID,
				    "the image's disk has no size that could be");
	*ret_size = size->integer;
	return 0;
}

/* qemu-img reads what is not there as zeroes: an upload that was cut off would pass for a disk. */
enum { CHECK_LEAKS_ONLY = 3 };

static int check_whole(const struct mu_str *options, const struct copy_watch *w,
		       struct mu_error *err)
{
	MU_CLEANUP(mu_tool_deinit)
	struct mu_tool t = {.output_max = OUTPUT_MAX, .cancel = w->cancel, .dies_with_us = true};

	t.argv = (const char *const[]){"prlimit", LIMIT_MEMORY,   "qemu-img",    "check",
				       "-q",      "--image-opts", options->data, NULL};
	if (mu_tool_run(&t, err) == 0 || t.exit_code == CHECK_LEAKS_ONLY)
		return 0;
	if (t.exit_code > 0)
		return mu_error_set(
		    err, MU_E_INVALID,
		    "the image is damaged, or was cut off; hint: qemu-img check says more");
	return MU_FAILED;
}

static int ask_qemu(struct image *image, const struct copy_watch *w, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str options = MU_STR_INIT;
	MU_CLEANUP(mu_tool_deinit)
	struct mu_tool t = {.deadline = INFO_DEADLINE_MS,
			    .output_max = OUTPUT_MAX,
			    .cancel = w->cancel,
			    .dies_with_us = true};

	image_options(image, &options);
	t.argv = (const char *const[]){"prlimit",      LIMIT_MEMORY, LIMIT_INFO_CPU,
				       "qemu-img",     "info",       "--output=json",
				       "--image-opts", options.data, NULL};
	if (mu_tool_run(&t, err) < 0 ||
	    judge_info(image, &t.out, &image->virtual_size_bytes, err) < 0)
		return MU_FAILED;
	/* There is no check for VHD. */
	return image->format == IMAGE_VHD ? 0 : check_whole(&options, w, err);
}

/* A raw image is copied from its file's start, and needs none of this. */
static int take_part(struct image *image, const struct image_part *part, int64_t file_size,
		     struct mu_error *err)
{
	image->length = file_size;
	if (part->length == 0)
		return 0;
	if (part->offset < 0 || part->length < 0 || part->offset > file_size ||
	    part->length > file_size - part->offset)
		return mu_error_set(err, MU_E_INVALID, "the image is cut off");
	if (image->format == IMAGE_RAW || image->format == IMAGE_OVA)
		return mu_error_set(err, MU_E_UNSUPPORTED, "no part of a file is read as %s",
				    image_format_name(image->format));
	image->offset = part->offset;
	image->length = part->length;
	return 0;
}

static int look(int fd, const struct image_part *part, struct image *image,
		const struct copy_watch *w, struct mu_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return mu_error_set(err, MU_E_INVALID, "not a regular file");
	if (st.st_size == 0)
		return mu_error_set(err, MU_E_INVALID, "the file is empty");
	if (take_part(image, part, st.st_size, err) < 0)
		return MU_FAILED;
	if (image->format == IMAGE_OVA && find_in_ova(fd, st.st_size, image, err) < 0)
		return MU_FAILED;
	if (check_head(fd, image, err) < 0)
		return MU_FAILED;
	if (image->format != IMAGE_RAW)
		return ask_qemu(image, w, err);
	image->virtual_size_bytes = image->length;
	return 0;
}

int image_open(const char *path, const struct image_part *part, enum image_format format,
	       const struct copy_watch *w, struct image *ret_image, struct mu_error *err)
{
	struct image image = {.format = format};
	__attribute__((cleanup(copy_close))) int fd = -1;

	if (path[0] != '/' || strlen(path) >= sizeof image.path)
		return mu_error_set(err, MU_E_INVALID,
				    "image: \"%s\" is no absolute path of up to %d characters",
				    path, SR_DISK_PATH_MAX);
	(void)snprintf(image.path, sizeof image.path, "%s", path);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return mu_error_errno(err, errno, "image %s", path);
	if (look(fd, part, &image, w, err) < 0)
		return mu_error_prefix(err, "image %s", path);
	*ret_image = image;
	return 0;
}

/* Copying */

struct convert {
	const struct copy_watch *watch;
	char line[64]; /* the last piece of output */
	size_t len;
	int last;
};

/* "    (12.34/100%)\r" again and again. */
static void on_output(void *ctx, const char *data, size_t len)
{
	struct convert *c = ctx;

	for (size_t i = 0; i < len; i++) {
		const char *begin;

		if (data[i] != '\r' && data[i] != '\n') {
			if (c->len < sizeof c->line - 1)
				c->line[c->len++] = data[i];
			continue;
		}
		c->line[c->len] = '\0';
		c->len = 0;
		begin = strchr(c->line, '(');
		if (begin)
			(void)copy_step(c->watch, (int64_t)strtod(begin + 1, NULL), 100, &c->last,
					NULL);
	}
}

static int sync_path(const char *path, struct mu_error *err)
{
	__attribute__((cleanup(copy_close))) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return mu_error_errno(err, errno, "%s: fsync", path);
	return 0;
}

static int run_convert(const char *const *argv, const char *target, const struct copy_watch *w,
		       struct mu_error *err)
{
	struct convert c = {.watch = w};
	MU_CLEANUP(mu_tool_deinit)
	struct mu_tool t = {.argv = argv,
			    .output_max = 4096,
			    .cancel = w->cancel,
			    .dies_with_us = true,
			    .on_output = on_output,
			    .ctx = &c};

	if (mu_tool_run(&t, err) < 0)
		return MU_FAILED;
	return sync_path(target, err);
}

static int read_raw(const struct image *image, const struct sr_path *to, const struct copy_watch *w,
		    struct mu_error *err)
{
	__attribute__((cleanup(copy_close))) int from_fd =
	    open(image->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	__attribute__((cleanup(copy_close))) int to_fd = -1;

	if (from_fd < 0)
		return mu_error_errno(err, errno, "image %s", image->path);
	to_fd = open(to->path, O_WRONLY | O_CLOEXEC);
	if (to_fd < 0)
		return mu_error_errno(err, errno, "%s", to->path);
	return copy_raw(w, from_fd, to_fd, image->virtual_size_bytes, to->zero, err);
}

int image_read_into(const struct image *image, const struct sr_path *to, const struct copy_watch *w,
		    struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str from = MU_STR_INIT, target = MU_STR_INIT;
	const char *argv[12] = {"prlimit", LIMIT_MEMORY, "qemu-img",     "convert",
				"-p",      "-n",         "--image-opts", "--target-image-opts"};
	size_t n = 8;

	if (image->format == IMAGE_RAW)
		return read_raw(image, to, w, err);
	image_options(image, &from);
	if (disk_options(to->path, &target, err) < 0)
		return MU_FAILED;
	if (to->zero)
		argv[n++] = "--target-is-zero";
	argv[n++] = from.data;
	argv[n++] = target.data;
	return run_convert(argv, to->path, w, err);
}

static int write_raw(const struct sr_path *from, int64_t size_bytes, const char *path, int fd,
		     const struct copy_watch *w, struct mu_error *err)
{
	__attribute__((cleanup(copy_close))) int from_fd = open(from->path, O_RDONLY | O_CLOEXEC);

	if (from_fd < 0)
		return mu_error_errno(err, errno, "%s", from->path);
	if (ftruncate(fd, size_bytes) < 0)
		return mu_error_errno(err, errno, "%s", path);
	return copy_raw(w, from_fd, fd, size_bytes, true, err);
}

static int write_other(const struct sr_path *from, const char *path, enum image_format format,
		       const struct copy_watch *w, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str source = MU_STR_INIT;
	const char *argv[14] = {"prlimit", LIMIT_MEMORY,          "qemu-img", "convert", "-p",
				"-O",      formats[format].driver};
	size_t n = 7;

	if (disk_options(from->path, &source, err) < 0)
		return MU_FAILED;
	if (formats[format].options) {
		argv[n++] = "-o";
		argv[n++] = formats[format].options;
	}
	argv[n++] = "--image-opts";
	argv[n++] = source.data;
	argv[n++] = path; /* absolute: "/..." is never taken for a protocol */
	return run_convert(argv, path, w, err);
}

int image_write(const struct sr_path *from, int64_t size_bytes, const char *path,
		enum image_format format, const struct copy_watch *w, struct mu_error *err)
{
	__attribute__((cleanup(copy_close))) int fd = -1;
	int r;

	if (path[0] != '/')
		return mu_error_set(err, MU_E_INVALID, "\"%s\": not an absolute path", path);
	if (!formats[format].driver)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "a single disk is not written as %s; hint: export it as "
				    "vmdk, or the whole VM",
				    formats[format].name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return mu_error_errno(err, errno, "%s", path);
	if (format == IMAGE_RAW)
		r = write_raw(from, size_bytes, path, fd, w, err);
	else
		r = write_other(from, path, format, w, err);
	if (r < 0)
		(void)unlink(path);
	return r;
}
