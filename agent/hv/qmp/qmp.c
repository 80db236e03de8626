/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of QEMU's disks is which of the guest's:
 *
 *     node-name "xvda-qcow2"            what QEMU serves as a backend: vdev and driver
 *     device "ide0-hd0", "ahcidisk-0",  what it emulates for an HVM guest until that has drivers:
 *            "scsi0-hd0", "ide-5632"    the first disk; the CD drive of that number
 *
 * A guest uses either the one or the other, so what a disk did is the sum. An emulated disk that is
 * not among the backends is one that dom0's kernel serves, which counts for itself.
 */
#include "agent/hv/qmp/qmp.h"

#include "common/base/value.h"
#include "common/json/json.h"

#include <stdlib.h>
#include <string.h>

enum { INDEX_NONE = -1 };

static const char *const commands[_QMP_ASKED_COUNT] = {
    [QMP_CAPABILITIES] = "qmp_capabilities",
    [QMP_BLOCKSTATS] = "query-blockstats",
};

void qmp_deinit(struct qmp *q)
{
	mu_str_deinit(&q->line);
}

/* ---- names ---- */

static const char *const classes[] = {"xvd", "hd", "sd"};

/* Length of the vdev at the start of a name, 0 when there is none: letters behind a class, and
 * perhaps a partition's number. */
static size_t vdev_len(const char *name)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(classes); i++) {
		size_t class = strlen(classes[i]), letters;

		if (strncmp(name, classes[i], class) != 0)
			continue;
		letters = strspn(name + class, "abcdefghijklmnopqrstuvwxyz");
		if (letters > 0)
			return class + letters + strspn(name + class + letters, "0123456789");
	}
	return 0;
}

/* "xvda-qcow2": the vdev's length, or 0. */
static size_t served_vdev(const char *node)
{
	size_t len = vdev_len(node);
	struct hv_vbd_stats v;

	return node[len] == '-' && node[len + 1] != '\0' && len < sizeof v.vdev ? len : 0;
}

/* Which of the disks a device number of Xen's means: 0 for hda, xvda and sda. */
static int index_of_number(uint64_t number)
{
	uint64_t major = number >> 8, minor = number & 0xff;

	switch (major) {
	case 3:
		return (int)(minor / 64);
	case 22:
		return (int)(2 + minor / 64);
	case 8:
	case 202:
		return (int)(minor / 16);
	default:
		return INDEX_NONE;
	}
}

static int emulated_index(const char *device)
{
	static const char *const before[] = {"ide0-hd", "ide1-hd", "ahcidisk-", "scsi0-hd"};
	uint64_t number;

	for (size_t i = 0; i < MU_ARRAY_SIZE(before); i++) {
		if (!mu_str_has_prefix(device, before[i]))
			continue;
		if (!mu_parse_u64(device + strlen(before[i]), &number) || number >= HV_DISKS_MAX)
			return INDEX_NONE;
		/* IDE counts on every cable anew. */
		return (int)number + (i == 1 ? 2 : 0);
	}
	if (mu_str_has_prefix(device, "ide-") && mu_parse_u64(device + 4, &number))
		return index_of_number(number);
	return INDEX_NONE;
}

static struct hv_vbd_stats *find_index(struct qmp_disks *d, int index)
{
	for (uint32_t i = 0; i < d->n; i++) {
		const char *letters = strchr(d->vbds[i].vdev, 'd') + 1;

		if (letters[0] - 'a' == index && (letters[1] < 'a' || letters[1] > 'z'))
			return &d->vbds[i];
	}
	return NULL;
}

static struct hv_vbd_stats *find_vdev(struct qmp_disks *d, const char *name, size_t len)
{
	for (uint32_t i = 0; i < d->n; i++)
		if (strlen(d->vbds[i].vdev) == len && memcmp(d->vbds[i].vdev, name, len) == 0)
			return &d->vbds[i];
	return NULL;
}

/* ---- numbers ---- */

static uint64_t count(const struct mu_value *stats, const char *name)
{
	const struct mu_value *v = mu_value_get(stats, name);

	return v && v->kind == MU_VALUE_INT && v->integer >= 0 ? (uint64_t)v->integer
							       : HV_COUNTER_UNKNOWN;
}

static struct hv_vbd_stats counts_of(const struct mu_value *disk)
{
	const struct mu_value *stats = mu_value_get(disk, "stats");

	return (struct hv_vbd_stats){
	    .timed = true,
	    .rd_bytes = count(stats, "rd_bytes"),
	    .wr_bytes = count(stats, "wr_bytes"),
	    .rd_reqs = count(stats, "rd_operations"),
	    .wr_reqs = count(stats, "wr_operations"),
	    .rd_ns = count(stats, "rd_total_time_ns"),
	    .wr_ns = count(stats, "wr_total_time_ns"),
	};
}

static void add_count(uint64_t *sum, uint64_t n)
{
	*sum =
	    *sum == HV_COUNTER_UNKNOWN || n == HV_COUNTER_UNKNOWN ? HV_COUNTER_UNKNOWN : *sum + n;
}

static void add_counts(struct hv_vbd_stats *sum, const struct hv_vbd_stats *v)
{
	add_count(&sum->rd_bytes, v->rd_bytes);
	add_count(&sum->wr_bytes, v->wr_bytes);
	add_count(&sum->rd_reqs, v->rd_reqs);
	add_count(&sum->wr_reqs, v->wr_reqs);
	add_count(&sum->rd_ns, v->rd_ns);
	add_count(&sum->wr_ns, v->wr_ns);
}

/* ---- the answer ---- */

static const char *text(const struct mu_value *object, const char *name)
{
	const char *s = mu_value_as_string(mu_value_get(object, name));

	return s ? s : "";
}

static void add_served(struct qmp_disks *d, const struct mu_value *disk)
{
	const char *node = text(disk, "node-name");
	size_t len = served_vdev(node);

	if (len == 0 || d->n == HV_DISKS_MAX || find_vdev(d, node, len))
		return;
	d->vbds[d->n] = counts_of(disk);
	memcpy(d->vbds[d->n++].vdev, node, len);
}

static void add_emulated(struct qmp_disks *d, const struct mu_value *disk)
{
	const struct hv_vbd_stats counts = counts_of(disk);
	struct hv_vbd_stats *v = find_index(d, emulated_index(text(disk, "device")));

	if (v)
		add_counts(v, &counts);
}

static int read_disks(const struct mu_value *back, struct qmp_disks *ret, struct mu_error *err)
{
	struct qmp_disks d = {.n = 0};

	if (back->kind != MU_VALUE_LIST)
		return mu_error_set(err, MU_E_PROTOCOL, "QEMU gives back no list of disks");
	mu_value_each(disk, back) add_served(&d, disk);
	mu_value_each(disk, back) add_emulated(&d, disk);
	qsort(d.vbds, d.n, sizeof d.vbds[0], hv_vbd_compare);
	*ret = d;
	return 1;
}

/* ---- the conversation ---- */

static int refused(const struct mu_value *error, struct mu_error *err)
{
	const char *why = text(error, "desc");
	char shown[200];

	mu_utf8_sanitize(shown, sizeof shown - 1, why, strlen(why));
	return mu_error_set(err, MU_E_IO, "QEMU refuses: \"%s\"", shown);
}

static int ask(struct qmp *q, enum qmp_asked what, struct mu_str *out)
{
	mu_str_printf(out, "{\"execute\":\"%s\"}\n", commands[what]);
	q->asked = what;
	return 0;
}

static int answered(struct qmp *q, const struct mu_value *v, struct mu_str *out,
		    struct qmp_disks *ret, struct mu_error *err)
{
	const struct mu_value *back = mu_value_get(v, "return");

	if (mu_value_get(v, "event"))
		return 0;
	if (mu_value_get(v, "error"))
		return refused(mu_value_get(v, "error"), err);
	if (q->asked == QMP_NOTHING && mu_value_get(v, "QMP"))
		return ask(q, QMP_CAPABILITIES, out);
	if (q->asked == QMP_CAPABILITIES && back)
		return ask(q, QMP_BLOCKSTATS, out);
	if (q->asked == QMP_BLOCKSTATS && back)
		return read_disks(back, ret, err);
	return mu_error_set(err, MU_E_PROTOCOL, "QEMU says neither what was asked nor an event");
}

static int hear_line(struct qmp *q, struct mu_str *out, struct qmp_disks *ret, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *v;

	if (mu_json_read(a, q->line.data, q->line.len, &v, err) < 0)
		return mu_error_prefix(err, "QEMU's answer");
	return answered(q, v, out, ret, err);
}

static int too_long(size_t max, struct mu_error *err)
{
	return mu_error_set(err, MU_E_PROTOCOL, "QEMU says more than %zu bytes at once", max);
}

int qmp_hear(struct qmp *q, const char *data, size_t len, struct mu_str *out, struct qmp_disks *ret,
	     struct mu_error *err)
{
	int r = 0;

	while (r == 0 && len > 0) {
		const char *end = memchr(data, '\n', len);
		size_t n = end ? (size_t)(end - data) : len;

		if (n > QMP_LINE_MAX - q->line.len)
			return too_long(QMP_LINE_MAX, err);
		q->n_heard += n + (end != NULL);
		if (q->n_heard > QMP_HEARD_MAX)
			return too_long(QMP_HEARD_MAX, err);
		mu_str_add_bytes(&q->line, data, n);
		if (!end)
			return 0;
		data += n + 1;
		len -= n + 1;
		/* "\r\n" ends its lines, and a line may be empty. */
		if (q->line.len > 0 && q->line.data[q->line.len - 1] == '\r')
			q->line.len--;
		if (q->line.len > 0)
			r = hear_line(q, out, ret, err);
		mu_str_reset(&q->line);
	}
	return r;
}
