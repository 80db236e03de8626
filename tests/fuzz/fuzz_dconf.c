/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libxl's form of a configuration: what is refused says why; what is taken comes out again, and
 * from then on the same.
 */
#include "agent/hv/dconf/dconf.h"
#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void check(struct mu_arena *a, const char *text, size_t len)
{
	struct hv_vm_config *c = mu_arena_alloc(a, sizeof *c);
	struct hv_vm_config *d = mu_arena_alloc(a, sizeof *d);
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v, *first, *second;

	if (mu_json_read(a, text, len, &v, &err) < 0)
		return;
	if (dconf_read(v, c, &err) < 0) {
		mu_assert(err.code && *err.text);
		return;
	}
	mu_assert(dconf_write(a, c, &first, &err) == 0);
	mu_assert(dconf_read(first, d, &err) == 0 || err.code == MU_E_UNSUPPORTED);
	if (err.code)
		return; /* written out in full it is more than there is room for */
	mu_assert(dconf_write(a, d, &second, &err) == 0);
	mu_assert(mu_value_equal(first, second));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();

	if (size <= FUZZ_INPUT_MAX)
		check(a, (const char *)data, size);
	return 0;
}

size_t fuzz_seed(size_t i, uint8_t buf[static FUZZ_INPUT_MAX])
{
	static const char *const seeds[] = {
	    "{\"c_info\":{\"type\":\"pv\",\"name\":\"a\",\"uuid\":\"8d2c1d1c-76a4-4d22-9d3e-"
	    "0123456789ab\",\"xsdata\":{\"vm-data/"
	    "a\":\"b\",\"x\":\"y\"}},\"b_info\":{\"max_memkb\":"
	    "65536,\"target_memkb\":32768,\"max_vcpus\":2,\"avail_vcpus\":[0],"
	    "\"vcpu_hard_affinity\":[[0,1,3],[2]],\"vcpu_soft_affinity\":[[0],[0]],"
	    "\"bootloader\":\"pygrub\",\"bootloader_args\":[\"-q\"],\"type.pv\":{\"e820_host\":"
	    "\"True\"},\"sched_params\":{\"weight\":5}},\"vfbs\":[{\"devid\":0,\"vnc\":{\"enable\":"
	    "\"True\",\"display\":3}}],\"vkbs\":[{\"devid\":0}],\"on_crash\":\"coredump_restart\"}",
	    "{\"c_info\":{\"type\":\"hvm\",\"hap\":\"True\"},\"b_info\":{\"max_memkb\":65536,"
	    "\"video_memkb\":8192,\"rtc_timeoffset\":4294963696,\"type.hvm\":{\"bios\":\"ovmf\","
	    "\"boot\":\"dc\",\"viridian\":\"True\",\"vga\":{\"kind\":\"std\"},\"vnc\":{\"enable\":"
	    "\"True\",\"listen\":\"::\"},\"spice\":{\"enable\":\"True\",\"port\":1},\"serial\":"
	    "\"pty\"}},\"disks\":[{\"vdev\":\"hda\",\"pdev_path\":\"/a\",\"format\":\"raw\","
	    "\"readwrite\":1,\"trusted\":\"True\"},{\"vdev\":\"hdc\",\"is_cdrom\":1,\"removable\":"
	    "1,"
	    "\"format\":\"empty\"}],\"nics\":[{\"devid\":2,\"mac\":\"00:16:3e:00:00:01\","
	    "\"rate_bytes_per_interval\":50000,\"rate_interval_usecs\":50000}],\"pcidevs\":[{"
	    "\"bus\":"
	    "3,\"func\":1,\"vfunc_mask\":2}],\"usbctrls\":[{\"devid\":0,\"type\":\"qusb\"}],"
	    "\"usbdevs\":[{\"ctrl\":0,\"port\":1,\"type.hostdev\":{\"hostbus\":1,\"hostaddr\":2}}]"
	    "}",
	};

	if (i >= MU_ARRAY_SIZE(seeds))
		return 0;
	memcpy(buf, seeds[i], strlen(seeds[i]));
	return strlen(seeds[i]);
}
