/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What OVF says comes to an HVM guest with the hardware that any of them finds its way with. Our
 * own section (ovf_write.c) says all there is to say; but it may come from anybody, so what reaches
 * into the host is taken only from somebody whom the asker trusts.
 */
#include "agent/import/ovf.h"

#include "common/base/mem.h"
#include "common/json/json.h"

#include <stdio.h>
#include <string.h>

enum { CD_PLACE = 3 }; /* hdd, the last that QEMU has on IDE */

bool ovf_trust_parse(const char *name, enum ovf_trust *ret)
{
	static const char *const names[_OVF_TRUST_COUNT] = {
	    [OVF_SAFE] = "safe", [OVF_TRUST] = "trust", [OVF_IGNORE] = "ignore"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], name) == 0) {
			*ret = (enum ovf_trust)i;
			return true;
		}
	}
	return false;
}

/* By OVF alone */

static void vdev_at(size_t place, char ret[static 16])
{
	(void)snprintf(ret, 16, "xvd%c", (char)('a' + place));
}

static void plan_disks(struct ovf *ovf, const struct ovf_request *rq, struct ovf_plan *p)
{
	struct hv_vm_config *c = &p->spec.config;
	bool cd = ovf->has_cd && ovf->n_disks < HV_DISKS_MAX;
	size_t place = 0;

	if (ovf->has_cd && !cd)
		ovf_note(&ovf->notes, "its CD drive has no place beside %d disks", HV_DISKS_MAX);
	for (size_t i = 0; i < ovf->n_disks; i++) {
		struct hv_disk *d = &c->disks[c->n_disks++];

		place += cd && place == CD_PLACE;
		vdev_at(place++, d->vdev);
		memcpy(d->format, "raw", sizeof "raw");
		d->vdi = rq->vdis[i];
		memcpy(p->vdevs[i], d->vdev, sizeof d->vdev);
	}
	if (cd) {
		struct hv_disk *d = &c->disks[c->n_disks++];

		memcpy(d->vdev, "hdd", sizeof "hdd");
		memcpy(d->format, "raw", sizeof "raw");
		d->cdrom = d->readonly = true;
	}
}

static void plan_nics(const struct ovf *ovf, struct ovf_plan *p)
{
	struct hv_vm_config *c = &p->spec.config;

	for (size_t i = 0; i < ovf->n_nics; i++) {
		struct hv_nic *nic = &c->nics[c->n_nics++];

		memcpy(nic->mac, ovf->nics[i].mac, sizeof nic->mac);
		if (ovf->nics[i].e1000)
			memcpy(nic->model, "e1000", sizeof "e1000");
	}
}

static void plan_plain(struct ovf *ovf, const struct ovf_request *rq, struct ovf_plan *p)
{
	struct hv_vm_config *c = &p->spec.config;

	vm_spec_init(&p->spec);
	memcpy(c->name, ovf->name, sizeof c->name);
	memcpy(p->spec.description, ovf->description, sizeof p->spec.description);
	c->type = VM_TYPE_HVM;
	c->vcpus = c->vcpus_max = ovf->vcpus;
	c->memory_bytes = c->memory_max_bytes = (ovf->memory_bytes + 1023) / 1024 * 1024;
	(void)snprintf(c->firmware, sizeof c->firmware, "%s", ovf->uefi ? "uefi" : "bios");
	memcpy(c->boot_order, "cd", sizeof "cd");
	memcpy(c->serial, "pty", sizeof "pty");
	c->vnc = true;
	c->acpi = HV_ON;
	c->viridian = ovf->windows ? HV_ON : HV_UNSET;
	c->localtime = ovf->windows ? HV_ON : HV_UNSET;
	plan_disks(ovf, rq, p);
	plan_nics(ovf, p);
}

/* By our own section */

static const char *disk_reaches_out(const struct hv_disk *d)
{
	return *d->path      ? "the path of a disk"
	       : *d->script  ? "the script of a disk"
	       : *d->backend ? "the backend of a disk"
	       : *d->extra   ? "libxl's settings of a disk"
			     : NULL;
}

/* Scripts of dom0 read `ip`. */
static const char *nic_reaches_out(const struct hv_nic *n)
{
	return *n->script   ? "the script of a network card"
	       : *n->ifname ? "the interface of a network card"
	       : *n->ip     ? "the address filter of a network card"
	       : *n->extra  ? "libxl's settings of a network card"
			    : NULL;
}

static bool is_inside(const char *address)
{
	return strcmp(address, "127.0.0.1") == 0 || strcmp(address, "::1") == 0;
}

/* Files that are read or run, devices, addresses of the host: the first of them, or NULL. */
static const char *reaches_out(const struct hv_vm_config *c)
{
	const struct {
		bool so;
		const char *what;
	} rules[] = {
	    {*c->kernel, "a kernel"},
	    {*c->ramdisk, "a ramdisk"},
	    {*c->bootloader && strcmp(c->bootloader, "pygrub") != 0, "a bootloader"},
	    {*c->bootloader_args, "arguments of a bootloader"},
	    {c->n_pci > 0, "a PCI device"},
	    {c->n_usb_devices > 0, "a USB device"},
	    {*c->vnc_listen && !is_inside(c->vnc_listen), "an address for VNC"},
	    /* Unlike VNC, SPICE listens everywhere unless it is told where. */
	    {c->spice && !is_inside(c->spice_listen), "an address for SPICE"},
	    {*c->serial && strcmp(c->serial, "pty") != 0, "a serial port"},
	    {*c->extra, "settings of libxl's own"},
	};
	const char *what = NULL;

	for (size_t i = 0; !what && i < MU_ARRAY_SIZE(rules); i++)
		what = rules[i].so ? rules[i].what : NULL;
	for (size_t i = 0; !what && i < c->n_disks; i++)
		what = disk_reaches_out(&c->disks[i]);
	for (size_t i = 0; !what && i < c->n_nics; i++)
		what = nic_reaches_out(&c->nics[i]);
	return what;
}

/* Its identity is ours to say, and what it was on another host is over. */
static const struct mu_value *as_ours(struct mu_arena *a, struct mu_value *v,
				      const struct ovf_request *rq)
{
	static const char *const past[] = {"kind",       "snapshotOf", "snapshotAt",
					   "withMemory", "parent",     "uuid"};
	char id[MU_UUID_TEXT];

	for (size_t i = 0; i < MU_ARRAY_SIZE(past); i++)
		mu_value_remove(v, past[i]);
	mu_value_set_string(a, v, "uuid", mu_uuid_format(&rq->id.uuid, id));
	return v;
}

static int match_disk(const struct ovf *ovf, const struct ovf_request *rq, struct hv_disk *d,
		      struct ovf_plan *p, struct mu_error *err)
{
	char id[MU_UUID_TEXT];

	(void)mu_uuid_format(&d->vdi, id);
	for (size_t i = 0; i < ovf->n_disks; i++) {
		if (strcmp(ovf->disks[i].id, id) != 0 || *p->vdevs[i])
			continue;
		d->vdi = rq->vdis[i];
		memcpy(p->vdevs[i], d->vdev, sizeof d->vdev);
		return 0;
	}
	return mu_error_set(err, MU_E_INVALID,
			    "the archive's definition has a disk %s that the archive has not",
			    d->vdev);
}

static int match_disks(struct ovf *ovf, const struct ovf_request *rq, struct ovf_plan *p,
		       struct mu_error *err)
{
	struct hv_vm_config *c = &p->spec.config;

	for (size_t i = 0; i < c->n_disks; i++) {
		struct hv_disk *d = &c->disks[i];

		if (d->cdrom && !mu_uuid_is_nil(&d->vdi)) {
			ovf_note(&ovf->notes, "the CD drive %s comes empty", d->vdev);
			d->vdi = (struct mu_uuid){{0}};
		}
		if (!mu_uuid_is_nil(&d->vdi) && match_disk(ovf, rq, d, p, err) < 0)
			return MU_FAILED;
	}
	for (size_t i = 0; i < ovf->n_disks; i++) {
		if (!*p->vdevs[i])
			return mu_error_set(err, MU_E_INVALID,
					    "the archive has a disk \"%.60s\" that its definition "
					    "has not",
					    ovf->disks[i].href);
	}
	return 0;
}

static int plan_ours(struct ovf *ovf, const struct ovf_request *rq, struct ovf_plan *p,
		     struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const char *what;
	struct mu_value *v;

	if (mu_json_read(a, ovf->definition, strlen(ovf->definition), &v, err) < 0 ||
	    vm_spec_decode(as_ours(a, v, rq), &p->spec, err) < 0) {
		err->code = MU_E_INVALID;
		return mu_error_prefix(err, "the archive's definition");
	}
	what = rq->trust == OVF_SAFE ? reaches_out(&p->spec.config) : NULL;
	if (what)
		return mu_error_set(
		    err, MU_E_UNSUPPORTED,
		    "the archive's definition names %s, which would be this host's; hint: "
		    "definition=trust if you know who made it, definition=ignore to take only "
		    "what OVF says",
		    what);
	ovf->notes.n = 0; /* they are about what a stranger would not find */
	return match_disks(ovf, rq, p, err);
}

/* Both */

static int place_nics(struct ovf *ovf, const struct ovf_request *rq, bool ours, struct ovf_plan *p,
		      struct mu_error *err)
{
	struct hv_vm_config *c = &p->spec.config;

	for (size_t i = 0; i < c->n_nics; i++) {
		const char *network = i < ovf->n_nics ? ovf->nics[i].network : "";
		const char *bridge = rq->bridge(network, c->nics[i].bridge, rq->ctx, err);

		if (!bridge)
			return mu_error_prefix(err, "card %zu", i);
		/* What said none itself had the default one where it was, too. */
		if (!*bridge && (ours ? *c->nics[i].bridge : *network))
			ovf_note(&ovf->notes,
				 "card %zu was in network \"%s\", which is none here: it is in the "
				 "host's default one",
				 i, *network ? network : c->nics[i].bridge);
		if (bridge != c->nics[i].bridge)
			(void)snprintf(c->nics[i].bridge, sizeof c->nics[i].bridge, "%s", bridge);
		if (!rq->keep_macs)
			c->nics[i].mac[0] = '\0';
	}
	return 0;
}

int ovf_plan(struct ovf *ovf, const struct ovf_request *rq, struct ovf_plan *ret_plan,
	     struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct ovf_plan *p = mu_arena_calloc(a, 1, sizeof *p);
	bool ours = ovf->definition && rq->trust != OVF_IGNORE;

	if (ours) {
		if (plan_ours(ovf, rq, p, err) < 0)
			return MU_FAILED;
	} else {
		plan_plain(ovf, rq, p);
	}
	p->spec.config.id = rq->id;
	if (rq->name)
		(void)snprintf(p->spec.config.name, sizeof p->spec.config.name, "%s", rq->name);
	if (rq->description)
		(void)snprintf(p->spec.description, sizeof p->spec.description, "%s",
			       rq->description);
	if (place_nics(ovf, rq, ours, p, err) < 0)
		return MU_FAILED;
	/* By way of its text, so that what is taken now can be read back for ever. */
	if (vm_spec_decode(vm_spec_encode(a, &p->spec), &p->spec, err) < 0)
		return mu_error_prefix(err, "the definition as it would be");
	*ret_plan = *p;
	return 0;
}
