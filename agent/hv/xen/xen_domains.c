/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/xen/xen_domains.h"

#include "agent/hv/xen/xen_convert.h"
#include "common/base/map.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INFO_CHUNK = 256, MIB = 1 << 20 };

/* No host has so much: a number of pages that is all ones, in 32 bits or in more. */
#define MEMORY_NO_LIMIT (INT64_C(0xffffffff) << 12)

struct xen_domains {
	struct mu_map *facts; /* by domid */
};

struct xen_domains *xen_domains_new(void)
{
	struct xen_domains *l = mu_xcalloc(1, sizeof *l);

	l->facts = mu_map_new();
	return l;
}

struct xen_domains *xen_domains_free(struct xen_domains *l)
{
	struct xen_facts *f;

	if (!l)
		return NULL;
	for (size_t i = 0; (f = mu_map_next(l->facts, &i, NULL, NULL));)
		free(f);
	mu_map_free(l->facts);
	free(l);
	return NULL;
}

void xen_domains_learn(struct xen_domains *l, const struct xen_facts *facts)
{
	const uint32_t key = facts->domid.value;

	if (facts->gone)
		free(mu_map_remove(l->facts, &key, sizeof key));
	else
		free(mu_map_put(l->facts, &key, sizeof key, mu_xmemdup(facts, sizeof *facts)));
}

const struct xen_facts *xen_domains_find(const struct xen_domains *l, struct hv_domid domid)
{
	return mu_map_find(l->facts, &domid.value, sizeof domid.value);
}

static void join(struct hv_domain *d, const struct xen_facts *f)
{
	if (!f || !mu_uuid_equal(&f->id.uuid, &d->id.uuid)) {
		d->incomplete = !d->dying; /* nobody has told us of it yet */
		return;
	}
	memcpy(d->name, f->name, sizeof d->name);
	if (f->type_known)
		d->type = f->type;
	d->incomplete = !f->complete && !d->dying;
	d->ours = f->ours;
	d->created_at = f->created_at;
	if (f->memory_static_bytes > 0)
		d->memory_max_bytes = f->memory_static_bytes;
}

int xen_domains_read(const struct xen_domains *l, xc_interface *xch, struct hv_domain *ret_domains,
		     size_t max, size_t *ret_n, struct mu_error *err)
{
	MU_CLEANUP(mu_free) xc_domaininfo_t *infos = mu_xcalloc(INFO_CHUNK, sizeof *infos);
	uint32_t first = 1;
	size_t n_domains = 0;
	int n;

	do {
		n = xc_domain_getinfolist(xch, first, INFO_CHUNK, infos);
		if (n < 0)
			return mu_error_errno(err, errno,
					      "the hypervisor does not list its domains");
		for (int i = 0; i < n && n_domains < max; i++) {
			struct hv_domain *d = &ret_domains[n_domains];

			if (infos[i].flags & XEN_DOMINF_xs_domain)
				continue;
			xen_domain_from_info(&infos[i], d);
			join(d, xen_domains_find(l, d->domid));
			n_domains++;
		}
		if (n > 0)
			first = infos[n - 1].domain + 1u;
	} while (n == INFO_CHUNK && n_domains < max);
	*ret_n = n_domains;
	return 0;
}

/* Pages come and go all the time: whole MiB are news enough. */
int xen_domains_dom0(const struct xen_domains *l, xc_interface *xch, struct model_controller *ret,
		     struct mu_error *err)
{
	const struct hv_domid dom0 = {0};
	const struct xen_facts *f = xen_domains_find(l, dom0);
	struct hv_domain d;

	if (!xen_domains_probe(xch, dom0, &d))
		return mu_error_set(err, MU_E_UNAVAILABLE,
				    "the hypervisor does not tell of domain 0");
	*ret = (struct model_controller){
	    .pvh = d.type == VM_TYPE_HVM, /* to the hypervisor it is the same */
	    .vcpus_online = d.vcpus_online,
	    .vcpus_max = d.vcpus_max,
	    .memory_bytes = d.memory_bytes / MIB * MIB,
	    .memory_target_bytes = f ? f->memory_target_bytes : -1,
	    .memory_max_bytes = d.memory_max_bytes < MEMORY_NO_LIMIT ? d.memory_max_bytes : -1,
	};
	return 0;
}

int xen_domains_probe(xc_interface *xch, struct hv_domid domid, struct hv_domain *ret)
{
	xc_domaininfo_t info;

	if (xc_domain_getinfolist(xch, domid.value, 1, &info) != 1 || info.domain != domid.value)
		return 0;
	xen_domain_from_info(&info, ret);
	return 1;
}
