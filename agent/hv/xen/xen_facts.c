/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/xen/xen_facts.h"

#include "agent/hv/xen/xen_convert.h"
#include "agent/hv/xen/xen_guest.h"
#include "common/base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenstore.h>

enum { PATH_BYTES = 384 };

struct place {
	struct xs_handle *xs;
	uint32_t domid;
};

static char *place_read(void *ctx, const char *path)
{
	const struct place *p = ctx;
	char full[PATH_BYTES];

	(void)snprintf(full, sizeof full, "/local/domain/%" PRIu32 "/%s", p->domid, path);
	return xs_read(p->xs, XBT_NULL, full, NULL);
}

static char **place_list(void *ctx, const char *path, unsigned *ret_n)
{
	const struct place *p = ctx;
	char full[PATH_BYTES];

	(void)snprintf(full, sizeof full, "/local/domain/%" PRIu32 "/%s", p->domid, path);
	return xs_directory(p->xs, XBT_NULL, full, ret_n);
}

static int64_t read_kib(struct place *p, const char *path)
{
	MU_CLEANUP(mu_free) char *text = place_read(p, path);
	uint64_t kib;

	if (!text || !mu_parse_u64(text, &kib) || kib > INT64_MAX / 1024)
		return -1;
	return (int64_t)kib * 1024;
}

static void read_type(struct xs_handle *xs, struct xen_facts *f)
{
	char path[PATH_BYTES];
	MU_CLEANUP(mu_free) char *text = NULL;

	(void)snprintf(path, sizeof path, "/libxl/%" PRIu32 "/type", f->domid.value);
	text = xs_read(xs, XBT_NULL, path, NULL);
	f->type_known = text && vm_type_parse(text, &f->type);
}

/* "1763660000.25": seconds since 1970, written when the domain was built. */
static mu_msec read_start(struct xs_handle *xs, const char *uuid)
{
	char path[PATH_BYTES];
	MU_CLEANUP(mu_free) char *text = NULL;
	double seconds;

	(void)snprintf(path, sizeof path, "/vm/%s/start_time", uuid);
	text = xs_read(xs, XBT_NULL, path, NULL);
	seconds = text ? strtod(text, NULL) : 0;
	return seconds > 0 && seconds < 1e11 ? (mu_msec)(seconds * 1000) : 0;
}

static bool is_complete(uint32_t domid, const char *uuid)
{
	char path[PATH_BYTES];

	(void)snprintf(path, sizeof path, XEN_LIBXL_DIR "/userdata-d.%" PRIu32 ".%s.libxl-json",
		       domid, uuid);
	return access(path, F_OK) == 0;
}

static void read_text(struct place *p, const char *path, char *ret, size_t size)
{
	MU_CLEANUP(mu_free) char *text = place_read(p, path);

	if (text && strlen(text) < size)
		memcpy(ret, text, strlen(text) + 1);
}

/*
 * A guest can write none of these. PV and PVH guests' console has a terminal of xenconsoled's; an
 * HVM guest's serial port has one of QEMU's, if it has a serial port.
 */
static void read_console(struct place *p, const struct xen_facts *f, struct hv_console *ret)
{
	MU_CLEANUP(mu_free) char *port = place_read(p, "console/vnc-port");
	bool hvm = f->type_known && f->type == VM_TYPE_HVM;
	uint64_t number;

	read_text(p, hvm ? "serial/0/tty" : "console/tty", ret->tty, sizeof ret->tty);
	if (!port || !mu_parse_u64(port, &number) || number == 0 || number > UINT16_MAX)
		return;
	ret->port = (uint16_t)number;
	read_text(p, "console/vnc-listen", ret->host, sizeof ret->host);
	if (ret->host[0] == '\0')
		(void)snprintf(ret->host, sizeof ret->host, "127.0.0.1");
	read_text(p, "console/vnc-pass", ret->password, sizeof ret->password);
}

void xen_facts_read(struct xs_handle *xs, struct hv_domid domid, const struct vm_id *id,
		    struct xen_facts *ret)
{
	struct place place = {xs, domid.value};
	const struct xen_guest_source source = {place_read, place_list, &place};
	char uuid[MU_UUID_TEXT];
	MU_CLEANUP(mu_free) char *name = place_read(&place, "name");
	MU_CLEANUP(mu_free) char *owner = place_read(&place, XEN_OWNER_KEY);

	memset(ret, 0, sizeof *ret); /* also the padding: it is compared as a whole */
	ret->domid = domid;
	ret->id = *id;
	(void)mu_uuid_format(&id->uuid, uuid);
	if (name)
		mu_utf8_sanitize(ret->name, MODEL_NAME_MAX, name, strlen(name));
	read_type(xs, ret);
	read_console(&place, ret, &ret->console);
	ret->complete = is_complete(domid.value, uuid);
	ret->ours = mu_str_equal(owner, XEN_OWNER_VALUE);
	ret->created_at = read_start(xs, uuid);
	ret->memory_target_bytes = read_kib(&place, "memory/target");
	ret->memory_static_bytes = read_kib(&place, "memory/static-max");
	xen_guest_collect(&source, &ret->guest);
}
