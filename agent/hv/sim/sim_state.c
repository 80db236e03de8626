/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State and save files; the formats are in docs/formats/sim-state.md. Everything read is checked
 * as if a stranger had written it: a damaged file is an error, never a strange host.
 */
#include "agent/hv/sim/sim_state.h"

#include "agent/hv/hv_cpus.h"
#include "agent/hv/sim/sim_codec.h"
#include "agent/hv/sim/sim_priv.h"
#include "common/base/assert.h"
#include "common/json/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATE_FORMAT "muster-sim-host"
#define SAVE_FORMAT "MUSTER-SIM-SAVE"
#define VERSION 1
#define TIME_MAX (INT64_MAX / 4)

static const char *const phase_names[_SIM_PHASE_COUNT] = {
    [SIM_BUILDING] = "building",
    [SIM_LIVE] = "live",
    [SIM_STOPPED] = "stopped",
    [SIM_DYING] = "dying",
};

static struct mu_value *numbers_encode(struct mu_arena *a, const double *v, size_t n)
{
	struct mu_value *list = mu_value_list(a);

	for (size_t i = 0; i < n; i++)
		mu_value_push(list, mu_value_real(a, v[i]));
	return list;
}

/* Counters that fit as they stand; a longer or shorter list leaves the rest at zero. */
static void numbers_decode(const struct mu_value *v, const char *name, double *ret, size_t n)
{
	const struct mu_value *list = mu_value_get(v, name);
	size_t i = 0;

	if (!list || list->kind != MU_VALUE_LIST)
		return;
	mu_value_each(it, list)
	{
		double d = it->kind == MU_VALUE_REAL  ? it->real
			   : it->kind == MU_VALUE_INT ? (double)it->integer
						      : 0;

		if (i == n)
			return;
		ret[i++] = d >= 0 && d < 9e18 ? d : 0;
	}
}

static struct mu_value *domain_encode(struct mu_arena *a, const struct sim_domain *d)
{
	struct mu_value *v = mu_value_object(a);
	const double io[] = {d->rx,         d->tx,         d->rd,      d->wr,
			     d->rx_packets, d->tx_packets, d->rd_reqs, d->wr_reqs};

	mu_value_set_int(a, v, "domid", d->domid.value);
	mu_value_set_string(a, v, "phase", phase_names[d->phase]);
	mu_value_set_bool(a, v, "paused", d->paused);
	mu_value_set_bool(a, v, "suspended", d->suspended);
	mu_value_set_bool(a, v, "foreign", d->foreign);
	mu_value_set_bool(a, v, "again", d->again);
	mu_value_set_int(a, v, "shutdown", d->shutdown);
	mu_value_set_int(a, v, "created_at", d->created_at);
	mu_value_set_int(a, v, "phase_until", d->phase_until);
	mu_value_set_int(a, v, "run_ms", d->run_ms);
	mu_value_set_int(a, v, "stop_at", d->stop_at);
	mu_value_set_int(a, v, "stop_reason", d->stop_reason);
	mu_value_set_int(a, v, "report_at", d->report_at);
	mu_value_set_bool(a, v, "reported", d->reported);
	mu_value_set_int(a, v, "weight", d->config.cpu_weight);
	mu_value_set_int(a, v, "cap", d->config.cpu_cap);
	mu_value_set_string(a, v, "cpus_hard", d->config.cpus_hard);
	mu_value_set_string(a, v, "cpus_soft", d->config.cpus_soft);
	mu_value_set(a, v, "vcpu_ns", numbers_encode(a, d->vcpu_ns, d->config.vcpus_max));
	mu_value_set(a, v, "io", numbers_encode(a, io, MU_ARRAY_SIZE(io)));
	mu_value_set(a, v, "config", sim_config_encode(a, &d->config));
	return v;
}

void sim_state_encode(const struct sim_model *m, struct mu_str *out)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *v = mu_value_object(a);
	struct mu_value *domains = mu_value_list(a);
	const double pif[] = {m->pif_rx, m->pif_tx};

	mu_value_set_string(a, v, "format", STATE_FORMAT);
	mu_value_set_int(a, v, "version", VERSION);
	mu_value_set_int(a, v, "now", m->now);
	mu_value_set_int(a, v, "booted_at", m->booted_at);
	mu_value_set_string(a, v, "boot_id", m->boot_id);
	mu_value_set_int(a, v, "next_domid", m->next_domid);
	mu_value_set_int(a, v, "random", (int64_t)m->rand.state);
	mu_value_set(a, v, "cpu_idle_ns", numbers_encode(a, m->cpu_idle_ns, m->params.cpus));
	mu_value_set(a, v, "pif", numbers_encode(a, pif, MU_ARRAY_SIZE(pif)));
	for (size_t i = 0; i < m->n_domains; i++)
		mu_value_push(domains, domain_encode(a, m->domains[i]));
	mu_value_set(a, v, "domains", domains);
	mu_value_set(a, v, "devices", sim_devices_encode(a, &m->devices));
	mu_json_write(out, v, true);
}

static int phase_decode(const struct mu_value *v, enum sim_phase *ret, struct mu_error *err)
{
	const char *name = mu_value_as_string(mu_value_get(v, "phase"));

	for (size_t i = 0; name && i < _SIM_PHASE_COUNT; i++) {
		if (strcmp(phase_names[i], name) == 0) {
			*ret = (enum sim_phase)i;
			return 0;
		}
	}
	return mu_error_set(err, MU_E_PROTOCOL, "phase is unknown");
}

/* A list that is wrong stands for all CPUs. */
static void cpus_decode(const struct mu_value *v, const char *name, char ret[HV_PATH_MAX + 1])
{
	const char *text = mu_value_as_string(mu_value_get(v, name));

	if (text && strlen(text) <= HV_PATH_MAX && hv_cpus_check(text, NULL) == 0)
		memcpy(ret, text, strlen(text) + 1);
}

static int domain_decode(struct sim_model *m, const struct mu_value *v, struct mu_error *err)
{
	struct hv_domid domid = {(uint32_t)sim_get_int(v, "domid", 1, 0x7fef, 0)};
	struct hv_vm_config config;
	enum sim_phase phase = SIM_LIVE;
	struct sim_domain *d;
	double io[8] = {0};

	if (domid.value == 0 || sim_find(m, domid))
		return mu_error_set(err, MU_E_PROTOCOL, "domid is missing, wrong or used twice");
	if (phase_decode(v, &phase, err) < 0 ||
	    sim_config_decode(mu_value_get(v, "config"), &config, err) < 0)
		return mu_error_prefix(err, "domain %" PRIu32, domid.value);
	d = sim_add(m, domid, &config);
	d->phase = phase;
	d->paused = sim_get_flag(v, "paused");
	d->suspended = sim_get_flag(v, "suspended");
	d->foreign = sim_get_flag(v, "foreign");
	d->again = sim_get_flag(v, "again");
	d->shutdown = (enum hv_shutdown)sim_get_int(v, "shutdown", 0, _HV_SHUTDOWN_COUNT - 1, 0);
	d->created_at = sim_get_int(v, "created_at", 0, TIME_MAX, 0);
	d->phase_until = sim_get_int(v, "phase_until", 0, TIME_MAX, 0);
	d->run_ms = sim_get_int(v, "run_ms", 0, TIME_MAX, 0);
	d->stop_at = sim_get_int(v, "stop_at", 0, TIME_MAX, 0);
	d->stop_reason =
	    (enum hv_shutdown)sim_get_int(v, "stop_reason", 0, _HV_SHUTDOWN_COUNT - 1, 0);
	d->report_at = sim_get_int(v, "report_at", 0, TIME_MAX, 0);
	d->reported = sim_get_flag(v, "reported");
	d->config.cpu_weight = (uint32_t)sim_get_int(v, "weight", 0, HV_WEIGHT_MAX, 0);
	d->config.cpu_cap = (uint32_t)sim_get_int(v, "cap", 0, 100 * HV_VCPUS_MAX, 0);
	cpus_decode(v, "cpus_hard", d->config.cpus_hard);
	cpus_decode(v, "cpus_soft", d->config.cpus_soft);
	numbers_decode(v, "vcpu_ns", d->vcpu_ns, HV_VCPUS_MAX);
	numbers_decode(v, "io", io, MU_ARRAY_SIZE(io));
	d->rx = io[0], d->tx = io[1], d->rd = io[2], d->wr = io[3];
	d->rx_packets = io[4], d->tx_packets = io[5], d->rd_reqs = io[6], d->wr_reqs = io[7];
	return 0;
}

/* Devices of domains that are not there are free. */
static void drop_ownerless(struct sim_model *m)
{
	for (size_t i = 0; i < SIM_PCI_COUNT + SIM_USB_COUNT; i++) {
		struct hv_domid owner = {i < SIM_PCI_COUNT
					     ? m->devices.pci_domid[i]
					     : m->devices.usb_domid[i - SIM_PCI_COUNT]};

		if (owner.value && !sim_find(m, owner))
			sim_devices_drop(&m->devices, owner);
	}
}

static int host_decode(struct sim_model *m, const struct mu_value *v, struct mu_error *err)
{
	const char *format = mu_value_as_string(mu_value_get(v, "format"));
	const char *boot_id = mu_value_as_string(mu_value_get(v, "boot_id"));
	const struct mu_value *domains = mu_value_get(v, "domains");
	struct mu_uuid boot;
	double pif[2] = {0};

	if (!format || strcmp(format, STATE_FORMAT) != 0)
		return mu_error_set(err, MU_E_PROTOCOL, "not a simulated host's state");
	if (sim_get_int(v, "version", 0, INT64_MAX, 0) != VERSION)
		return mu_error_set(err, MU_E_PROTOCOL, "version is not %d", VERSION);
	if (!boot_id || !mu_uuid_parse(boot_id, &boot))
		return mu_error_set(err, MU_E_PROTOCOL, "boot_id is no UUID");
	if (!domains || domains->kind != MU_VALUE_LIST || domains->n_children > HV_DOMAINS_MAX)
		return mu_error_set(err, MU_E_PROTOCOL, "domains is no list, or too long");
	(void)mu_uuid_format(&boot, m->boot_id);
	m->now = sim_get_int(v, "now", 0, TIME_MAX, m->now);
	m->booted_at = sim_get_int(v, "booted_at", 0, m->now, m->now);
	m->next_domid = (uint32_t)sim_get_int(v, "next_domid", 1, 0x7ff0, 1);
	m->rand.state = (uint64_t)sim_get_int(v, "random", INT64_MIN, INT64_MAX, 0);
	numbers_decode(v, "cpu_idle_ns", m->cpu_idle_ns, HV_VCPUS_MAX);
	numbers_decode(v, "pif", pif, MU_ARRAY_SIZE(pif));
	m->pif_rx = pif[0], m->pif_tx = pif[1];
	mu_value_each(d, domains)
	{
		if (domain_decode(m, d, err) < 0)
			return MU_FAILED;
	}
	sim_devices_decode(mu_value_get(v, "devices"), &m->devices);
	drop_ownerless(m);
	return 0;
}

int sim_state_decode(const char *text, size_t len, const struct sim_params *params, mu_msec now,
		     struct sim_model **ret_model, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(sim_model_free) struct sim_model *m = NULL;
	struct sim_params empty = *params;
	struct mu_value *v;

	if (len > SIM_STATE_MAX)
		return mu_error_set(err, MU_E_PROTOCOL, "longer than %d bytes", SIM_STATE_MAX);
	if (mu_json_read(a, text, len, &v, err) < 0)
		return MU_FAILED;
	empty.n_foreign = 0;
	m = sim_model_new(&empty, now);
	if (host_decode(m, v, err) < 0)
		return MU_FAILED;
	*ret_model = MU_TAKE(m);
	return 0;
}

/* ---- save files ---- */

void sim_save_encode(const struct hv_vm_config *config, struct mu_str *out)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str body = MU_STR_INIT;

	mu_json_write(&body, sim_config_encode(a, config), true);
	mu_str_printf(out, SAVE_FORMAT " %d %zu %016" PRIx64 "\n", VERSION, body.len,
		      mu_fnv1a(MU_FNV1A, body.data, body.len));
	mu_str_add_bytes(out, body.data, body.len);
}

static int save_body(const char *text, size_t len, const char **ret_body, size_t *ret_len,
		     struct mu_error *err)
{
	const char *end = len > 0 ? memchr(text, '\n', len < 80 ? len : 80) : NULL;
	char header[81] = "";
	unsigned version;
	size_t body_len;
	uint64_t sum;

	if (end)
		memcpy(header, text, (size_t)(end - text));
	if (sscanf(header, SAVE_FORMAT " %u %zu %" SCNx64, &version, &body_len, &sum) != 3)
		return mu_error_set(err, MU_E_IO, "not a save file");
	if (version != VERSION)
		return mu_error_set(err, MU_E_IO, "save file of version %u; this host reads %d",
				    version, VERSION);
	end++;
	if (body_len != len - (size_t)(end - text))
		return mu_error_set(err, MU_E_IO,
				    "save file is damaged: %zu bytes where %zu should be",
				    len - (size_t)(end - text), body_len);
	if (mu_fnv1a(MU_FNV1A, end, body_len) != sum)
		return mu_error_set(err, MU_E_IO, "save file is damaged: wrong checksum");
	*ret_body = end;
	*ret_len = body_len;
	return 0;
}

int sim_save_check(const char *text, size_t len, const struct vm_id *id, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct hv_vm_config config;
	char other[MU_UUID_TEXT];
	struct mu_value *v;
	const char *body;
	size_t body_len;

	if (save_body(text, len, &body, &body_len, err) < 0)
		return MU_FAILED;
	if (mu_json_read(a, body, body_len, &v, err) < 0 ||
	    sim_config_decode(v, &config, err) < 0) {
		mu_error_prefix(err, "save file is damaged");
		if (err)
			err->code = MU_E_IO;
		return MU_FAILED;
	}
	if (!mu_uuid_equal(&config.id.uuid, &id->uuid))
		return mu_error_set(err, MU_E_INVALID, "save file is of another VM, %s (\"%s\")",
				    mu_uuid_format(&config.id.uuid, other), config.name);
	return 0;
}
