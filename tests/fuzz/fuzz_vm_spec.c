/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VM definitions: what is refused says why; what is taken keeps the rules, and its written form
 * reads back to itself.
 */
#include "agent/core/vm_spec.h"
#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void check(struct mu_arena *a, const char *text, size_t len)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str first = MU_STR_INIT;
	MU_CLEANUP(mu_str_deinit) struct mu_str second = MU_STR_INIT;
	struct vm_spec *spec = mu_arena_alloc(a, sizeof *spec);
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v;

	if (mu_json_read(a, text, len, &v, &err) < 0)
		return;
	if (vm_spec_decode(v, spec, &err) < 0) {
		mu_assert(err.code == MU_E_INVALID && *err.text);
		return;
	}
	mu_assert(vm_spec_check(spec, &err) == 0);
	mu_json_write(&first, vm_spec_encode(a, spec), true);
	mu_assert(mu_json_read(a, first.data, first.len, &v, &err) == 0);
	mu_assert(vm_spec_decode(v, spec, &err) == 0);
	mu_json_write(&second, vm_spec_encode(a, spec), true);
	mu_assert(mu_str_equal(first.data, second.data));
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
	    "{\"uuid\":\"6f1c7a52-4c6e-4b7c-9f0e-0a3d9a4c1d11\",\"name\":\"web\",\"type\":\"pvh\","
	    "\"memory\":\"96MiB\",\"kernel\":\"/k\",\"vcpus\":2,\"tags\":[\"a\",\"b\"],"
	    "\"disks\":[{\"vdev\":\"xvda\",\"path\":\"/d\"},{\"vdev\":\"hdc\",\"path\":\"\","
	    "\"cdrom\":true}],\"nics\":[{\"mac\":\"00:16:3e:00:00:01\",\"bridge\":\"br0\"}]}",
	    "{\"uuid\":\"6f1c7a52-4c6e-4b7c-9f0e-0a3d9a4c1d11\",\"name\":\"w\",\"type\":\"hvm\","
	    "\"memory\":4294967296,\"memoryMax\":\"8GiB\",\"bootOrder\":\"dc\",\"vnc\":true,"
	    "\"startOrder\":-5,\"startDelay\":100,\"onCrash\":\"restart\",\"autostart\":true}",
	    "{\"uuid\":\"6f1c7a52-4c6e-4b7c-9f0e-0a3d9a4c1d11\",\"name\":\"p\",\"type\":\"pv\","
	    "\"memory\":\"1TiB\",\"bootloader\":\"pygrub\",\"cmdline\":\"x\","
	    "\"bootloaderArgs\":[\"-q\"],\"cpus\":[\"0-3,^2\"],\"cpusSoft\":\"all\",\"xenstore\":"
	    "{\"vm-data/a\":\"b\"},\"libxl\":{\"b_info\":{\"x\":[1,2.5,null,true]}},\"pci\":"
	    "[{\"address\":\"0000:03:00.0\",\"seize\":true}]}",
	    "{\"uuid\":\"6f1c7a52-4c6e-4b7c-9f0e-0a3d9a4c1d11\",\"name\":\"s\",\"type\":\"hvm\","
	    "\"kind\":\"snapshot\",\"snapshotOf\":\"6f1c7a52-4c6e-4b7c-9f0e-0a3d9a4c1d12\","
	    "\"snapshotAt\":5,\"withMemory\":true,\"memory\":\"1GiB\",\"memoryMin\":\"8MiB\","
	    "\"hap\":false,\"spice\":true,\"spicePort\":1,\"vnc\":true,\"vncUnused\":false,"
	    "\"usbControllers\":[{\"type\":\"qusb\"}],\"usbDevices\":[{\"bus\":1,\"address\":2,"
	    "\"port\":1}],\"nics\":[{\"device\":3,\"rate\":5}],\"onWatchdog\":\"preserve\"}",
	};

	if (i >= MU_ARRAY_SIZE(seeds))
		return 0;
	memcpy(buf, seeds[i], strlen(seeds[i]));
	return strlen(seeds[i]);
}
