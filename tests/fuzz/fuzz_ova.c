/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors and manifests of archives: refused with a reason, or a definition that reads back to
 * itself. The first byte chooses. */
#include "agent/import/ovf.h"
#include "agent/ova/manifest.h"
#include "common/base/assert.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static const char *bridge(const char *network, const char *had, void *ctx, struct mu_error *err)
{
	(void)network, (void)ctx, (void)err;
	return had;
}

static void check_descriptor(struct mu_arena *a, const char *text, size_t len, enum ovf_trust trust)
{
	static const struct mu_uuid vdis[HV_DISKS_MAX] = {{{1}}, {{2}}, {{3}}};
	const struct ovf_request rq = {
	    .id = {{{7}}}, .trust = trust, .keep_macs = true, .vdis = vdis, .bridge = bridge};
	struct ovf_plan *p = mu_arena_alloc(a, sizeof *p);
	struct ovf *o = mu_arena_calloc(a, 1, sizeof *o);
	struct mu_error err = MU_ERROR_INIT;

	if (ovf_read(a, text, len, o, &err) < 0 || ovf_plan(o, &rq, p, &err) < 0) {
		mu_assert(err.code && *err.text);
		return;
	}
	for (size_t i = 0; i < o->n_disks; i++)
		mu_assert(!strchr(o->disks[i].href, '/') && o->disks[i].capacity_bytes > 0);
	mu_assert(vm_spec_check(&p->spec, &err) == 0);
}

static int each(void *ctx, const struct ova_digest *d, struct mu_error *err)
{
	(void)ctx, (void)err;
	mu_assert(*d->name && strlen(d->hex) == tls_digest_chars(d->kind));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const char *text = (const char *)data + 1;
	struct mu_error err = MU_ERROR_INIT;

	if (size == 0 || size > FUZZ_INPUT_MAX)
		return 0;
	if (*data == 'm')
		(void)ova_manifest_read(text, size - 1, each, NULL, &err);
	else
		check_descriptor(a, text, size - 1, (enum ovf_trust)(*data % _OVF_TRUST_COUNT));
	return 0;
}

size_t fuzz_seed(size_t i, uint8_t buf[static FUZZ_INPUT_MAX])
{
	static const char *const seeds[] = {
	    "mSHA1(a (1).ovf)= da39a3ee5e6b4b0d3255bfef95601890afd80709\r\nSHA256 (b)= 00\n",
	    "0<Envelope xmlns:ovf='o'><References><File ovf:id='f' ovf:href='d.vmdk'/></References>"
	    "<DiskSection><Disk ovf:diskId='k' ovf:fileRef='f' ovf:capacity='10' "
	    "ovf:capacityAllocationUnits='byte * 2^20'/></DiskSection><VirtualSystem ovf:id='v'>"
	    "<Name>a</Name><AnnotationSection><Annotation>b</Annotation></AnnotationSection>"
	    "<VirtualHardwareSection><Item><ResourceType>3</ResourceType><VirtualQuantity>2"
	    "</VirtualQuantity></Item><Item><ResourceType>4</"
	    "ResourceType><AllocationUnits>MegaBytes"
	    "</AllocationUnits><VirtualQuantity>64</VirtualQuantity></Item><Item><ResourceType>17"
	    "</ResourceType><HostResource>/disk/k</HostResource></Item><Item><ResourceType>10"
	    "</ResourceType><Address>080027AABBCC</Address><Connection>n</Connection></Item><Item>"
	    "<ResourceType>15</ResourceType></Item></VirtualHardwareSection></VirtualSystem>"
	    "</Envelope>",
	    "1<Envelope><DiskSection><Disk diskId='00000000-0000-4000-8000-000000000001' "
	    "capacity='512'/></DiskSection><VirtualSystem id='v'><MusterDefinitionSection>"
	    "<Definition>{\"name\": \"a\", \"type\": \"hvm\", \"memory\": 67108864, \"disks\": "
	    "[{\"vdev\": \"xvda\", \"vdi\": \"00000000-0000-4000-8000-000000000001\"}]}"
	    "</Definition></MusterDefinitionSection><VirtualHardwareSection><Item><ResourceType>4"
	    "</ResourceType><VirtualQuantity>64</VirtualQuantity></Item><Item><ResourceType>17"
	    "</ResourceType><HostResource>/disk/00000000-0000-4000-8000-000000000001"
	    "</HostResource></Item></VirtualHardwareSection></VirtualSystem></Envelope>",
	};

	if (i >= MU_ARRAY_SIZE(seeds))
		return 0;
	memcpy(buf, seeds[i], strlen(seeds[i]));
	return strlen(seeds[i]);
}
