/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that will not stop is a paused one: no driver needs a special guest for it. Domains are
 * named contract-PID-N; whatever a case leaves is destroyed when it ends.
 */
#include "tests/unit/agent/hv/contract.h"

#include "common/base/str.h"
#include "common/os/file.h"
#include "tests/unit/agent/hv/contract_env.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int host_info(struct env *e, struct mu_error *err)
{
	struct model_host h;

	if (hv_host_info(e->hv, &h, err) < 0)
		return MU_FAILED;
	EXPECT(h.cpus >= 1 && h.memory_total_bytes > 0, "%u CPUs", h.cpus);
	EXPECT(h.memory_free_bytes >= 0 && h.memory_free_bytes <= h.memory_total_bytes,
	       "%" PRId64 " bytes free", h.memory_free_bytes);
	EXPECT(h.boot_id[0] != '\0', "no boot id");
	EXPECT(strcmp(h.driver, hv_driver_name(e->hv)) == 0, "driver is %s", h.driver);
	return 0;
}

static int list_is_sorted(struct env *e, struct mu_error *err)
{
	struct hv_domain domains[8];
	struct hv_vm_config config = env_guest(e);
	struct hv_domid domid;
	size_t n;

	if (env_create(e, &config, &domid, err) < 0)
		return MU_FAILED;
	config = env_guest(e);
	if (env_create(e, &config, &domid, err) < 0 || hv_list(e->hv, domains, 8, &n, err) < 0)
		return MU_FAILED;
	EXPECT(n >= 2, "%zu domains", n);
	for (size_t i = 1; i < n; i++)
		EXPECT(domains[i - 1].domid.value < domains[i].domid.value, "%zu", i);
	if (hv_list(e->hv, domains, 1, &n, err) < 0)
		return MU_FAILED;
	EXPECT(n == 1, "%zu domains where one was asked for", n);
	return 0;
}

static int create_shows_in_list(struct env *e, struct mu_error *err)
{
	struct hv_vm_config config = env_guest(e);
	struct hv_domid domid;
	struct hv_domain d;
	bool found;

	if (env_create(e, &config, &domid, err) < 0 || env_find(e, domid, &found, &d, err) < 0)
		return MU_FAILED;
	EXPECT(found, "domain %" PRIu32, domid.value);
	EXPECT(mu_uuid_equal(&d.id.uuid, &config.id.uuid), "another id");
	EXPECT(strcmp(d.name, config.name) == 0, "name %s", d.name);
	EXPECT(d.type == config.type, "type %s", vm_type_name(d.type));
	EXPECT(!d.paused && !d.dying && d.shutdown == HV_SHUTDOWN_NONE, "it does not run");
	EXPECT(d.vcpus_online >= 1 && d.vcpus_max == config.vcpus_max, "%u of %u vCPUs",
	       d.vcpus_online, d.vcpus_max);
	EXPECT(d.memory_bytes > 0 && d.memory_bytes <= config.memory_max_bytes + (8 << 20),
	       "%" PRId64 " bytes", d.memory_bytes);
	return 0;
}

static int create_paused(struct env *e, struct mu_error *err)
{
	struct hv_vm_config config = env_guest(e);
	struct wait *w =
	    env_op(e, (struct hv_op){.kind = HV_CREATE, .config = &config, .paused = true});
	struct hv_domain d;
	bool found;

	if (env_run(e, w, err) < 0 || env_find(e, w->op.ret_domid, &found, &d, err) < 0)
		return MU_FAILED;
	EXPECT(found && d.paused, "it runs");
	return 0;
}

static int watch_fires(struct env *e, struct mu_error *err)
{
	struct hv_vm_config config = env_guest(e);
	struct hv_domid domid;
	unsigned before;

	env_pause(e, 50);
	before = e->n_domains_changed;
	if (env_create(e, &config, &domid, err) < 0)
		return MU_FAILED;
	for (int i = 0; i < 200 && e->n_domains_changed == before; i++)
		env_pause(e, 50);
	EXPECT(e->n_domains_changed > before, "no hint of a new domain");
	env_pause(e, 200);
	before = e->n_domains_changed;
	if (env_on(e, HV_DESTROY, domid, err) < 0)
		return MU_FAILED;
	for (int i = 0; i < 200 && e->n_domains_changed == before; i++)
		env_pause(e, 50);
	EXPECT(e->n_domains_changed > before, "no hint of a domain's end");
	return 0;
}

static int duplicates_refused(struct env *e, struct mu_error *err)
{
	struct hv_vm_config config = env_guest(e);
	struct hv_vm_config same_name = env_guest(e);
	struct hv_vm_config same_id = env_guest(e);
	struct wait *w = env_op(e, (struct hv_op){.kind = HV_CREATE, .config = &same_name});
	struct hv_domid domid;
	size_t n;

	memcpy(same_name.name, config.name, sizeof same_name.name);
	same_id.id = config.id;
	if (env_create(e, &config, &domid, err) < 0 || env_refused(e, w, MU_E_EXISTS, err) < 0)
		return MU_FAILED;
	w->op.config = &same_id;
	if (env_refused(e, w, MU_E_EXISTS, err) < 0 ||
	    env_count_named(e, same_id.name, &n, err) < 0)
		return MU_FAILED;
	EXPECT(n == 0, "a refused create left a domain");
	if (env_count_named(e, config.name, &n, err) < 0)
		return MU_FAILED;
	EXPECT(n == 1, "%zu domains named %s", n, config.name);
	return 0;
}

static int missing_kernel_refused(struct env *e, struct mu_error *err)
{
	struct hv_vm_config config = env_guest(e);
	struct wait *w = env_op(e, (struct hv_op){.kind = HV_CREATE, .config = &config});
	size_t n;

	snprintf(config.kernel, sizeof config.kernel, "/nonexistent/vmlinuz-contract");
	if (env_refused(e, w, MU_E_NOT_FOUND, err) < 0 ||
	    env_count_named(e, config.name, &n, err) < 0)
		return MU_FAILED;
	EXPECT(strstr(w->op.err.text, config.kernel), "the path is not in: %s", w->op.err.text);
	EXPECT(n == 0, "a failed create left a domain");
	return 0;
}

static int bad_config_refused(struct env *e, struct mu_error *err)
{
	struct hv_vm_config config = env_guest(e);
	struct wait *w = env_op(e, (struct hv_op){.kind = HV_CREATE, .config = &config});

	config.vcpus = 0;
	if (env_refused(e, w, MU_E_INVALID, err) < 0)
		return MU_FAILED;
	EXPECT(strstr(w->op.err.text, "vcpus"), "the member is not in: %s", w->op.err.text);
	w->op.config = NULL;
	return env_refused(e, w, MU_E_INVALID, err);
}

static int too_much_memory_refused(struct env *e, struct mu_error *err)
{
	struct hv_vm_config config = env_guest(e);
	struct wait *w = env_op(e, (struct hv_op){.kind = HV_CREATE, .config = &config});
	struct model_host h;
	size_t n;

	if (hv_host_info(e->hv, &h, err) < 0)
		return MU_FAILED;
	config.memory_bytes = config.memory_max_bytes = h.memory_total_bytes;
	if (env_refused(e, w, MU_E_EXHAUSTED, err) < 0 ||
	    env_count_named(e, config.name, &n, err) < 0)
		return MU_FAILED;
	EXPECT(n == 0, "a failed create left a domain");
	return 0;
}

static int expect_paused(struct env *e, struct hv_domid domid, bool paused, struct mu_error *err)
{
	struct hv_domain d;
	bool found;

	if (env_find(e, domid, &found, &d, err) < 0)
		return MU_FAILED;
	EXPECT(found && d.paused == paused, "paused is %d", d.paused);
	return 0;
}

static int pause_unpause(struct env *e, struct mu_error *err)
{
	struct hv_vm_config config = env_guest(e);
	struct hv_domid domid;

	if (env_create(e, &config, &domid, err) < 0)
		return MU_FAILED;
	/* Twice: one unpause must be enough all the same. */
	if (env_on(e, HV_PAUSE, domid, err) < 0 || env_on(e, HV_PAUSE, domid, err) < 0 ||
	    expect_paused(e, domid, true, err) < 0)
		return MU_FAILED;
	if (env_on(e, HV_UNPAUSE, domid, err) < 0 || expect_paused(e, domid, false, err) < 0)
		return MU_FAILED;
	return env_on(e, HV_UNPAUSE, domid, err);
}

static int clean_shutdown(struct env *e, struct mu_error *err)
{
	struct hv_vm_config config;
	struct hv_domid domid;

	if (env_create_booted(e, &config, &domid, err) < 0 ||
	    env_on(e, HV_SHUTDOWN, domid, err) < 0)
		return MU_FAILED;
	return env_expect_gone(e, domid, err);
}

static int reboot_stops(struct env *e, struct mu_error *err)
{
	struct hv_vm_config config;
	struct hv_domid domid;

	if (env_create_booted(e, &config, &domid, err) < 0 ||
	    env_on(e, HV_REBOOT, domid, err) < 0 || env_expect_gone(e, domid, err) < 0)
		return MU_FAILED;
	/* The caller's half: the same id and name must be free again. */
	return env_create(e, &config, &domid, err);
}

static int destroy_twice(struct env *e, struct mu_error *err)
{
	struct hv_vm_config config = env_guest(e);
	struct hv_domid domid;

	if (env_create(e, &config, &domid, err) < 0 || env_on(e, HV_DESTROY, domid, err) < 0 ||
	    env_expect_gone(e, domid, err) < 0)
		return MU_FAILED;
	return env_on(e, HV_DESTROY, domid, err);
}

static int unknown_domain(struct env *e, struct mu_error *err)
{
	static const enum hv_op_kind kinds[] = {HV_PAUSE, HV_UNPAUSE, HV_SHUTDOWN, HV_REBOOT};
	struct hv_domid domid = {32000};
	struct hv_vm_config *config = mu_xcalloc(1, sizeof *config);
	struct mu_error why = MU_ERROR_INIT;
	struct vm_guest guest;
	int r_config, r_guest;

	for (size_t i = 0; i < MU_ARRAY_SIZE(kinds); i++) {
		struct wait *w = env_op(e, (struct hv_op){.kind = kinds[i], .domid = domid});

		if (env_refused(e, w, MU_E_NOT_FOUND, err) < 0) {
			free(config);
			return MU_FAILED;
		}
	}
	r_config = hv_config(e->hv, domid, config, &why);
	free(config);
	EXPECT(r_config < 0 && why.code == MU_E_NOT_FOUND, "config: %s", why.text);
	r_guest = hv_guest(e->hv, domid, &guest, &why);
	EXPECT(r_guest < 0 && why.code == MU_E_NOT_FOUND, "guest: %s", why.text);
	return 0;
}

static int domain_0_refused(struct env *e, struct mu_error *err)
{
	for (int kind = 0; kind < _HV_OP_KIND_COUNT; kind++) {
		struct wait *w =
		    env_op(e, (struct hv_op){.kind = (enum hv_op_kind)kind, .path = "/tmp/never"});

		if (kind == HV_CREATE || kind == HV_RESTORE)
			continue;
		if (env_refused(e, w, MU_E_INVALID, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

static char *save_path(struct env *e, const struct hv_vm_config *config)
{
	return mu_xasprintf("%s/%s.save", e->c->dir, config->name);
}

/* A guest that is saved to a file and restored from it. */
struct saving {
	struct hv_vm_config config;
	struct hv_domid domid;
	char *path;
	struct wait *save;
	struct wait *restore; /* paused */
};

static void saving_free(struct saving *s)
{
	free(s->path);
	free(s);
}
MU_DEFINE_CLEANUP(saving_free, struct saving *);

/* Booted, and the first step done. */
static int save_guest(struct env *e, enum hv_op_kind kind, struct saving *s, struct mu_error *err)
{
	s->save = env_op(e, (struct hv_op){.kind = kind});
	s->restore =
	    env_op(e, (struct hv_op){.kind = HV_RESTORE, .config = &s->config, .paused = true});
	if (env_create_booted(e, &s->config, &s->domid, err) < 0)
		return MU_FAILED;
	s->path = save_path(e, &s->config);
	s->save->op.path = s->restore->op.path = s->path;
	s->save->op.domid = s->domid;
	return env_run(e, s->save, err);
}

static int save_and_restore(struct env *e, struct mu_error *err)
{
	MU_CLEANUP(saving_free) struct saving *s = mu_xcalloc(1, sizeof *s);
	struct hv_domain d;
	bool found;

	if (save_guest(e, HV_SAVE, s, err) < 0 || env_expect_gone(e, s->domid, err) < 0 ||
	    env_run(e, s->restore, err) < 0 ||
	    env_find(e, s->restore->op.ret_domid, &found, &d, err) < 0)
		return MU_FAILED;
	EXPECT(found && d.paused, "it should be there, paused");
	EXPECT(d.domid.value != s->domid.value, "the same domain id");
	EXPECT(mu_uuid_equal(&d.id.uuid, &s->config.id.uuid), "another id");
	if (env_on(e, HV_UNPAUSE, d.domid, err) < 0)
		return MU_FAILED;
	return mu_file_remove(s->path, err);
}

/* Its file is whole when it stands still; it goes on, and what was saved can be restored later. */
static int checkpoint_and_go_on(struct env *e, struct mu_error *err)
{
	MU_CLEANUP(saving_free) struct saving *s = mu_xcalloc(1, sizeof *s);
	struct hv_domain d;
	bool found;

	if (save_guest(e, HV_CHECKPOINT, s, err) < 0 || env_find(e, s->domid, &found, &d, err) < 0)
		return MU_FAILED;
	EXPECT(found && d.shutdown == HV_SHUTDOWN_SUSPEND, "it should stand still");
	EXPECT(s->save->op.ret_stopped >= 0, "for %" PRId64 " ms", s->save->op.ret_stopped);
	if (env_on(e, HV_UNPAUSE, s->domid, err) < 0 || env_find(e, s->domid, &found, &d, err) < 0)
		return MU_FAILED;
	EXPECT(found && d.shutdown == HV_SHUTDOWN_NONE && !d.paused, "it should run");
	if (env_on(e, HV_SHUTDOWN, s->domid, err) < 0 || env_expect_gone(e, s->domid, err) < 0 ||
	    env_run(e, s->restore, err) < 0 ||
	    env_on(e, HV_UNPAUSE, s->restore->op.ret_domid, err) < 0)
		return MU_FAILED;
	return mu_file_remove(s->path, err);
}

static int checkpoint_refused(struct env *e, struct mu_error *err)
{
	struct hv_vm_config config = env_guest(e);
	MU_CLEANUP(mu_free) char *path = save_path(e, &config);
	struct wait *w = env_op(e, (struct hv_op){.kind = HV_CHECKPOINT, .path = path});

	if (env_create(e, &config, &w->op.domid, err) < 0 ||
	    env_on(e, HV_PAUSE, w->op.domid, err) < 0 || env_refused(e, w, MU_E_STATE, err) < 0)
		return MU_FAILED;
	EXPECT(access(path, F_OK) != 0, "it left a file");
	return expect_paused(e, w->op.domid, true, err);
}

static int write_damaged(const char *path, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	for (int i = 0; i < 1000; i++)
		mu_str_add(&text, "this is not a saved guest\n");
	return mu_file_replace(path, text.data, text.len, 0600, err);
}

static int damaged_restore_refused(struct env *e, struct mu_error *err)
{
	struct hv_vm_config config = env_guest(e);
	MU_CLEANUP(mu_free) char *path = save_path(e, &config);
	struct wait *w =
	    env_op(e, (struct hv_op){.kind = HV_RESTORE, .config = &config, .path = path});
	size_t n;

	if (env_refused(e, w, MU_E_NOT_FOUND, err) < 0 || write_damaged(path, err) < 0)
		return MU_FAILED;
	wait_start(e, w);
	if (wait_end(w, err) < 0)
		return MU_FAILED;
	EXPECT(w->op.r < 0 && w->op.err.code != MU_E_TIMEOUT && w->op.err.code != MU_E_CANCELLED,
	       "%s", w->op.err.text);
	if (env_count_named(e, config.name, &n, err) < 0)
		return MU_FAILED;
	EXPECT(n == 0, "a failed restore left a domain");
	return mu_file_remove(path, err);
}

static int config_reads_back(struct env *e, struct mu_error *err)
{
	struct hv_vm_config config = env_guest(e);
	struct hv_vm_config *back = mu_xcalloc(1, sizeof *back);
	struct hv_domid domid;
	char kernel[HV_PATH_MAX + 1];
	bool same_id, same_name, same_sizes;
	int r = env_create(e, &config, &domid, err);

	if (r == 0)
		r = hv_config(e->hv, domid, back, err);
	same_id = mu_uuid_equal(&back->id.uuid, &config.id.uuid);
	same_name = strcmp(back->name, config.name) == 0;
	same_sizes = back->vcpus_max == config.vcpus_max && back->type == config.type &&
		     back->memory_max_bytes == config.memory_max_bytes &&
		     back->n_disks == config.n_disks && back->n_nics == config.n_nics;
	memcpy(kernel, back->kernel, sizeof kernel);
	free(back);
	if (r < 0)
		return MU_FAILED;
	EXPECT(same_id && same_name, "identity");
	EXPECT(same_sizes, "sizes");
	EXPECT(strcmp(kernel, config.kernel) == 0, "kernel \"%s\"", kernel);
	return 0;
}

static int guest_unknown_is_empty(struct env *e, struct mu_error *err)
{
	struct hv_vm_config config = env_guest(e);
	struct wait *w =
	    env_op(e, (struct hv_op){.kind = HV_CREATE, .config = &config, .paused = true});
	struct vm_guest g;

	if (env_run(e, w, err) < 0 || hv_guest(e->hv, w->op.ret_domid, &g, err) < 0)
		return MU_FAILED;
	/* It never ran. */
	EXPECT(!g.agent_detected && g.memory_free_bytes == -1 && g.n_addrs == 0,
	       "facts of a guest that never ran");
	return 0;
}

static int bad_arguments_refused(struct env *e, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *long_path = mu_xcalloc(1, HV_PATH_MAX + 2);
	struct hv_domid domid = {32000};

	memset(long_path, '/', HV_PATH_MAX + 1);
	if (env_refused(e, env_op(e, (struct hv_op){.kind = HV_SAVE, .domid = domid}), MU_E_INVALID,
			err) < 0 ||
	    env_refused(e, env_op(e, (struct hv_op){.kind = HV_SAVE, .domid = domid, .path = "x"}),
			MU_E_INVALID, err) < 0 ||
	    env_refused(
		e, env_op(e, (struct hv_op){.kind = HV_SAVE, .domid = domid, .path = long_path}),
		MU_E_INVALID, err) < 0)
		return MU_FAILED;
	return env_refused(
	    e, env_op(e, (struct hv_op){.kind = HV_PAUSE, .domid = domid, .deadline = -1}),
	    MU_E_INVALID, err);
}

/* What different ways of asking say must agree. */
static int details_agree(struct env *e, struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct hv_host_details *d = mu_xcalloc(1, sizeof *d);
	struct model_controller dom0;
	struct model_host h;
	int64_t memory = 0;
	size_t n_in_nodes = 0;
	int r;

	r = hv_host_details(e->hv, d, err);
	if (r < 0 && err->code == MU_E_UNSUPPORTED)
		return 0;
	if (r < 0 || hv_host_info(e->hv, &h, err) < 0 || hv_dom0(e->hv, &dom0, err) < 0)
		return MU_FAILED;
	EXPECT(d->n_cpus == h.cpus && d->sockets == h.sockets, "%zu CPUs, not %u", d->n_cpus,
	       h.cpus);
	EXPECT(d->memory_total_bytes == h.memory_total_bytes, "%" PRId64, d->memory_total_bytes);
	EXPECT(d->memory_free_bytes > 0 && d->memory_free_bytes < d->memory_total_bytes,
	       "%" PRId64 " free", d->memory_free_bytes);
	EXPECT(d->dom0_vcpus > 0 && d->dom0_memory_bytes > 0, "dom0 is not there");
	EXPECT(dom0.vcpus_online == d->dom0_vcpus && dom0.vcpus_max >= dom0.vcpus_online,
	       "%u of %u vCPUs", dom0.vcpus_online, dom0.vcpus_max);
	EXPECT(dom0.memory_bytes > 0 && dom0.memory_bytes <= d->memory_total_bytes, "%" PRId64,
	       dom0.memory_bytes);
	EXPECT(dom0.memory_target_bytes >= -1 && dom0.memory_max_bytes >= -1, "limits");
	EXPECT(d->hvm == h.hvm_capable, "hvm");
	EXPECT(d->xen_version[0] && d->xen_caps[0] && d->scheduler[0] && d->dom0_kernel[0],
	       "version \"%s\"", d->xen_version);
	for (size_t i = 0; i < d->n_nodes; i++) {
		memory += d->nodes[i].memory_bytes;
		for (size_t k = 0; k < d->n_cpus; k++)
			n_in_nodes += d->cpus[k].node == d->nodes[i].id;
		EXPECT(d->nodes[i].distances[d->nodes[i].id] == 10, "a node is far from itself");
	}
	EXPECT(n_in_nodes == d->n_cpus, "%zu CPUs in nodes", n_in_nodes);
	EXPECT(memory >= d->memory_total_bytes, "%" PRId64 " bytes in nodes", memory);
	return 0;
}

static int pools_have_domains(struct env *e, struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct hv_cpupool *pools = mu_xcalloc(HV_CPUPOOLS_MAX, sizeof *pools);
	struct hv_vm_config config = env_guest(e);
	struct hv_domid domid;
	bool dom0 = false, ours = false;
	size_t n;

	if (env_create(e, &config, &domid, err) < 0)
		return MU_FAILED;
	if (hv_cpupools(e->hv, pools, HV_CPUPOOLS_MAX, &n, err) < 0)
		return err->code == MU_E_UNSUPPORTED ? 0 : MU_FAILED;
	EXPECT(n >= 1 && pools[0].id == 0 && pools[0].n_cpus >= 1, "%zu pools", n);
	EXPECT(strcmp(pools[0].name, "Pool-0") == 0, "name \"%s\"", pools[0].name);
	for (size_t i = 0; i < pools[0].n_domains && i < HV_POOL_DOMAINS_MAX; i++) {
		dom0 |= pools[0].domains[i].value == 0;
		ours |= pools[0].domains[i].value == domid.value;
	}
	EXPECT(dom0 && ours, "a domain is in no pool");
	EXPECT(hv_cpupools(e->hv, pools, 0, &n, err) == 0 && n == 0, "more than there is room");
	return 0;
}

static int dmesg_is_appended(struct env *e, struct mu_error *err)
{
	struct mu_str text = MU_STR_INIT;
	bool good;

	mu_str_add(&text, "before:");
	if (hv_dmesg(e->hv, &text, err) < 0) {
		mu_str_deinit(&text);
		return err->code == MU_E_UNSUPPORTED ? 0 : MU_FAILED;
	}
	good = mu_str_has_prefix(text.data, "before:") && strstr(text.data, "(XEN)");
	mu_str_deinit(&text);
	EXPECT(good, "no messages");
	return 0;
}

static const struct env_case basics[] = {
    {"host info is sane", host_info},
    {"details agree with host info", details_agree},
    {"CPU pools have CPUs and domains", pools_have_domains},
    {"messages are appended", dmesg_is_appended},
    {"create shows in the list", create_shows_in_list},
    {"list is sorted and bounded", list_is_sorted},
    {"create leaves it paused when asked to", create_paused},
    {"watch fires for a new domain and for its end", watch_fires},
    {"duplicate name or id is refused", duplicates_refused},
    {"missing kernel is refused by its path", missing_kernel_refused},
    {"bad configuration is refused by its member", bad_config_refused},
    {"too much memory is refused", too_much_memory_refused},
    {"pause and unpause, twice each", pause_unpause},
    {"clean shutdown ends with the domain gone", clean_shutdown},
    {"reboot ends with the domain gone and its id free", reboot_stops},
    {"destroy, twice", destroy_twice},
    {"unknown domain is not found", unknown_domain},
    {"domain 0 is not touched", domain_0_refused},
    {"save and restore", save_and_restore},
    {"checkpoint, and it goes on", checkpoint_and_go_on},
    {"checkpoint of a paused guest is refused", checkpoint_refused},
    {"missing or damaged save file is refused", damaged_restore_refused},
    {"configuration reads back", config_reads_back},
    {"guest that never ran has no facts", guest_unknown_is_empty},
    {"bad arguments are refused", bad_arguments_refused},
    {NULL, NULL},
};

static const struct {
	const char *name;
	const struct env_case *cases;
} groups[] = {
    {"basics", basics},
    {"trouble", contract_trouble},
    {"devices", contract_devices},
    {"resources", contract_resources},
    {"cpupools", contract_cpupools},
};

/* NULL behind the last. */
static const struct env_case *find_case(size_t i, const char **ret_group)
{
	for (size_t k = 0; k < MU_ARRAY_SIZE(groups); k++) {
		for (const struct env_case *c = groups[k].cases; c->name; c++) {
			*ret_group = groups[k].name;
			if (i-- == 0)
				return c;
		}
	}
	return NULL;
}

size_t hv_contract_n_cases(void)
{
	const char *group;
	size_t n = 0;

	while (find_case(n, &group))
		n++;
	return n;
}

const char *hv_contract_case_name(size_t i)
{
	const char *group;

	return find_case(i, &group)->name;
}

const char *hv_contract_case_group(size_t i)
{
	const char *group = NULL;

	(void)find_case(i, &group);
	return group;
}

int hv_contract_run(const struct hv_contract *c, size_t i, struct mu_error *err)
{
	const char *group;
	struct env e;
	int r;

	mu_error_clear(err);
	if (env_open(&e, c, err) < 0) {
		mu_timer_free(e.guard);
		mu_loop_free(e.loop);
		return MU_FAILED;
	}
	r = find_case(i, &group)->run(&e, err);
	if (env_close(&e, r < 0 ? NULL : err) < 0)
		r = MU_FAILED;
	return r;
}
