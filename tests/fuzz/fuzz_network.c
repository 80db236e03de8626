/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that configuration systems and resolv.conf have, which people write by hand, and records of
 * networks. What is read stays within its bounds and is text; a record that is taken names nothing
 * outside its folders, and its written form reads back to itself.
 */
#include "agent/network/core/net_interfaces.h"
#include "agent/network/core/net_plan.h"
#include "common/base/assert.h"
#include "common/json/json.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void on_source(void *ctx, const char *pattern, bool directory)
{
	(void)ctx, (void)directory;
	mu_assert(*pattern);
}

static void check_texts(const char *text)
{
	static const struct net_interfaces_listener listener = {on_source, NULL};
	MU_CLEANUP(net_facts_deinit) struct net_facts f = {.n_links = 0};

	net_interfaces_read(&f, text, &listener);
	net_networkd_read(&f, "eth0", text);
	net_network_file_read(&f, "eth0", text);
	net_nm_read(&f, "eth0", text);
	net_resolv_read(&f, text);
	for (size_t i = 0; i < f.n_configs; i++) {
		mu_assert(f.configs[i].mode < _NET_MODE_COUNT);
		mu_assert(strlen(f.configs[i].device) <= MODEL_DEVICE_MAX);
		mu_assert(!*f.configs[i].file || *f.configs[i].file == '/');
	}
	mu_assert(strlen(f.dns) <= MODEL_TEXT_MAX);
}

static void check_plan(struct mu_arena *a, const struct net_record *rec)
{
	struct net_plan plan;

	net_plan_make(a, rec, rec, 1, &plan);
	for (size_t i = 0; i < plan.n_files; i++) {
		mu_assert(mu_str_has_prefix(plan.files[i].path, "/etc/"));
		mu_assert(!strstr(plan.files[i].path, "/../"));
	}
}

static void check_record(struct mu_arena *a, const char *text)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str first = MU_STR_INIT;
	MU_CLEANUP(mu_str_deinit) struct mu_str second = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	struct net_record rec;
	struct mu_value *v;

	if (mu_json_read(a, text, strlen(text), &v, &err) < 0)
		return;
	if (net_record_decode(v, &rec, &err) < 0) {
		mu_assert(err.code == MU_E_INVALID && *err.text);
		return;
	}
	check_plan(a, &rec);
	mu_json_write(&first, net_record_encode(a, &rec), false);
	mu_assert(mu_json_read(a, first.data, first.len, &v, &err) == 0);
	mu_assert(net_record_decode(v, &rec, &err) == 0);
	mu_json_write(&second, net_record_encode(a, &rec), false);
	mu_assert(mu_str_equal(first.data, second.data));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const char *text;

	if (size > FUZZ_INPUT_MAX)
		return 0;
	text = mu_arena_strndup(a, (const char *)data, size);
	check_texts(text);
	check_record(a, text);
	return 0;
}

size_t fuzz_seed(size_t i, uint8_t buf[static FUZZ_INPUT_MAX])
{
	static const char *const seeds[] = {
	    "auto lo eth0\niface lo inet loopback\niface br0 inet static\n  bridge_ports eth0 "
	    "eth1\n"
	    "iface eth2 inet dhcp\nsource /etc/network/interfaces.d/*\nsource-directory x\n",
	    "ADMIN_STATE=configured\nNETWORK_FILE=/etc/systemd/network/10-eth0.network\n",
	    "[Network]\nDHCP=yes\nAddress=10.0.0.1/8\n[device]\nmanaged=true\n",
	    "search example\nnameserver 10.0.0.1\nnameserver 2001:db8::1\n",
	    "{\"version\":1,\"stage\":\"made\",\"system\":\"networkd\",\"bridge\":\"lab\",\"name\":"
	    "\"Lab\",\"description\":\"\",\"pif\":\"eth0\",\"vlanDevice\":\"eth0.5\",\"pifFile\":"
	    "\"10-eth0.network\",\"vlan\":5,\"mtu\":1400}",
	    "{\"version\":1,\"stage\":\"creating\",\"system\":\"networkmanager\",\"bridge\":"
	    "\"lab\","
	    "\"name\":\"Lab\",\"description\":\"d\",\"pif\":\"eth0\",\"vlanDevice\":\"\","
	    "\"pifFile\":\"\",\"vlan\":-1,\"mtu\":0}",
	};

	if (i >= MU_ARRAY_SIZE(seeds))
		return 0;
	memcpy(buf, seeds[i], strlen(seeds[i]));
	return strlen(seeds[i]);
}
