/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What QEMU says. However it is cut, the same is understood; what is kept of it is bounded; disks
 * have names of the guest's, each once; an error has a reason that can be shown.
 */
#include "agent/hv/qmp/qmp.h"
#include "common/base/assert.h"
#include "fuzz.h"

#include <string.h>

struct result {
	int r;
	enum mu_error_code code;
	struct qmp_disks disks;
};

static void run(const uint8_t *data, size_t size, size_t cut, struct result *ret)
{
	struct qmp q = {.asked = QMP_NOTHING};
	struct mu_error err = MU_ERROR_INIT;
	MU_CLEANUP(mu_str_deinit) struct mu_str out = MU_STR_INIT;

	memset(ret, 0, sizeof *ret);
	for (size_t i = 0; i < size && ret->r == 0; i += cut) {
		ret->r = qmp_hear(&q, (const char *)data + i, size - i < cut ? size - i : cut, &out,
				  &ret->disks, &err);
		mu_assert(q.line.len <= QMP_LINE_MAX && out.len < 200);
	}
	mu_assert(ret->r >= 0 || err.code == MU_E_IO || err.code == MU_E_PROTOCOL);
	mu_assert(mu_utf8_valid(err.text, strlen(err.text)));
	ret->code = err.code;
	qmp_deinit(&q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct result whole, bytes;

	run(data, size, size + 1, &whole);
	run(data, size, 1, &bytes);
	mu_assert(whole.r == bytes.r && whole.code == bytes.code);
	mu_assert(whole.disks.n == bytes.disks.n && whole.disks.n <= HV_DISKS_MAX);
	for (uint32_t i = 0; i < whole.disks.n; i++) {
		const struct hv_vbd_stats *v = &whole.disks.vbds[i];

		mu_assert(strcmp(v->vdev, bytes.disks.vbds[i].vdev) == 0);
		mu_assert(v->rd_bytes == bytes.disks.vbds[i].rd_bytes);
		mu_assert(i == 0 || strcmp(v[-1].vdev, v->vdev) < 0);
	}
	return 0;
}

size_t fuzz_seed(size_t i, uint8_t buf[static FUZZ_INPUT_MAX])
{
	static const char *const seeds[] = {
	    "{\"QMP\": {}}\r\n{\"return\": {}}\r\n{\"return\": [{\"device\": \"\", \"node-name\": "
	    "\"xvda-qcow2\", \"stats\": {\"rd_bytes\": 7, \"wr_operations\": 1}}, {\"device\": "
	    "\"ide0-hd0\", \"stats\": {\"rd_bytes\": 1}}]}\r\n",
	    "{\"QMP\": {}}\n{\"event\": \"STOP\"}\n{\"return\": {}}\n{\"return\": [{\"node-name\": "
	    "\"hdc-raw\"}, {\"device\": \"ide-5632\"}, {\"device\": \"ahcidisk-1\"}]}\n",
	    "{\"QMP\": {}}\n{\"error\": {\"desc\": \"no\"}}\n",
	};

	if (i >= MU_ARRAY_SIZE(seeds))
		return 0;
	memcpy(buf, seeds[i], strlen(seeds[i]));
	return strlen(seeds[i]);
}
