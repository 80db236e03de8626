/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/http/message.h"
#include "common/json/json.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int authenticate(void *ctx, const char *token, const struct http_peer *peer,
			struct rest_user *ret_user, struct mu_error *err)
{
	const struct fixture *f = ctx;
	bool looks = token && mu_str_has_prefix(token, "look:only");

	(void)peer;
	if ((f->no_token || !mu_str_equal(token, "secret")) && !looks)
		return mu_error_set(err, MU_E_UNAUTHENTICATED, "%s",
				    token ? "this token is not known" : "a token is needed");
	ret_user->account.bytes[0] = 7;
	ret_user->admin = token[0] == 's' && !f->no_admin;
	(void)snprintf(ret_user->name, sizeof ret_user->name, "%s%s",
		       ret_user->admin ? "admin" : "viewer",
		       looks ? token + strlen("look:only") : "");
	return 0;
}

static const struct rights *rights(void *ctx, const struct mu_uuid *account)
{
	const struct fixture *f = ctx;

	cr_expect_eq(account->bytes[0], 7);
	return f->rights;
}

static void refused(void *ctx, const struct rest_refusal *r)
{
	struct fixture *f = ctx;

	f->n_refused++;
	(void)snprintf(f->refused, sizeof f->refused, "%s|%s|%s|%d|%s",
		       r->user ? r->user->name : "", r->pattern ? r->pattern : "", r->request->path,
		       r->status, r->why);
}

static void each_host(void *ctx, bool (*each)(const struct model_host *h, void *arg), void *arg)
{
	struct fixture *f = ctx;

	for (size_t i = 0; i < 2; i++)
		if (!each(&f->hosts[i], arg))
			return;
}

static void each_vm(void *ctx, bool (*each)(const struct model_vm *vm, void *arg), void *arg)
{
	struct fixture *f = ctx;

	for (size_t i = 0; i < FIXTURE_VMS; i++)
		if (!each(&f->vms[i], arg))
			return;
}

static void each_task(void *ctx, bool (*each)(const struct model_task *t, void *arg), void *arg)
{
	struct fixture *f = ctx;

	for (size_t i = 0; i < f->n_tasks; i++)
		if (!each(&f->tasks[i], arg))
			return;
}

static const struct model_host *host_find(void *ctx, const struct host_id *id)
{
	struct fixture *f = ctx;

	for (size_t i = 0; i < 2; i++)
		if (mu_uuid_equal(&f->hosts[i].id.uuid, &id->uuid))
			return &f->hosts[i];
	return NULL;
}

static const struct model_vm *vm_find(void *ctx, const struct vm_id *id)
{
	struct fixture *f = ctx;

	for (size_t i = 0; i < FIXTURE_VMS; i++)
		if (mu_uuid_equal(&f->vms[i].id.uuid, &id->uuid))
			return &f->vms[i];
	return NULL;
}

static const struct model_object *object_find(void *ctx, const struct mu_uuid *id)
{
	struct fixture *f = ctx;

	for (size_t i = 0; i < FIXTURE_REPORTS; i++)
		if (mu_uuid_equal(&f->reports[i].id, id))
			return &f->reports[i];
	return NULL;
}

static void each_object(void *ctx, enum object_kind kind,
			bool (*each)(const struct model_object *o, void *arg), void *arg)
{
	struct fixture *f = ctx;

	for (size_t i = 0; i < FIXTURE_REPORTS; i++)
		if (f->reports[i].kind == kind &&
		    object_find(f, &f->reports[i].id) == &f->reports[i] &&
		    !each(&f->reports[i], arg))
			return;
}

static void each_report(void *ctx, const struct mu_uuid *id,
			bool (*each)(const struct model_object *o, void *arg), void *arg)
{
	struct fixture *f = ctx;

	for (size_t i = 0; i < FIXTURE_REPORTS; i++)
		if (mu_uuid_equal(&f->reports[i].id, id) && !each(&f->reports[i], arg))
			return;
}

static const struct model_task *task_find(void *ctx, const struct mu_uuid *id)
{
	struct fixture *f = ctx;

	for (size_t i = 0; i < f->n_tasks; i++)
		if (mu_uuid_equal(&f->tasks[i].id, id))
			return &f->tasks[i];
	return NULL;
}

static void pool(void *ctx, struct rest_pool *ret_pool)
{
	(void)ctx;
	mu_assert(mu_uuid_parse(POOL, &ret_pool->id));
	(void)snprintf(ret_pool->name, sizeof ret_pool->name, "main");
	ret_pool->description[0] = '\0';
}

static void note(struct fixture *f, const struct rest_user *user, const char *from, void *arg)
{
	f->n_ops++;
	(void)snprintf(f->user, sizeof f->user, "%s", user->name);
	(void)snprintf(f->from, sizeof f->from, "%s", from);
	f->arg = arg;
}

static void vm_op(void *ctx, const struct vm_id *vm, enum vm_op op, mu_msec deadline,
		  const struct rest_user *user, const char *from,
		  void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err),
		  void *arg)
{
	struct fixture *f = ctx;

	note(f, user, from, arg);
	f->vm = *vm;
	f->op = op;
	f->deadline = deadline;
	f->op_done = done;
}

static void vm_op_anyway(void *ctx, const struct vm_id *vm, enum vm_op op, mu_msec deadline,
			 const struct rest_user *user, const char *from,
			 void (*done)(void *arg, const struct mu_uuid *task,
				      const struct mu_error *err),
			 void *arg)
{
	struct fixture *f = ctx;

	vm_op(ctx, vm, op, deadline, user, from, done, arg);
	f->anyway = true;
}

static void host_read(void *ctx, struct host_read_op *op)
{
	struct fixture *f = ctx;

	f->read = op;
}

static void host_read_cancel(void *ctx, struct host_read_op *op)
{
	struct fixture *f = ctx;

	cr_assert_eq(f->read, op);
	f->n_read_cancels++;
}

static void vm_define(void *ctx, const struct host_id *host, const struct mu_value *definition,
		      const struct rest_user *user, const char *from,
		      void (*done)(void *arg, const struct vm_id *vm, const struct mu_error *err),
		      void *arg)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str json = MU_STR_INIT;
	struct fixture *f = ctx;

	note(f, user, from, arg);
	f->host = *host;
	f->define_done = done;
	mu_json_write(&json, definition, false);
	(void)snprintf(f->definition, sizeof f->definition, "%s", json.data);
}

static void ask_call(
    void *ctx, const struct rest_ask *ask, const struct rest_user *user, const char *from,
    void (*done)(void *arg, const struct mu_uuid *task, const struct mu_error *err), void *arg)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str json = MU_STR_INIT;
	struct fixture *f = ctx;

	note(f, user, from, arg);
	f->ask = *ask;
	f->ask.arguments = NULL;
	f->deadline = ask->deadline;
	f->op = _VM_OP_COUNT;
	f->op_done = done;
	mu_json_write(&json, ask->arguments, false);
	(void)snprintf(f->definition, sizeof f->definition, "%s", json.data);
}

static int task_abort(void *ctx, const struct mu_uuid *id, const struct rest_user *user,
		      const char *from, struct mu_error *err)
{
	struct fixture *f = ctx;
	const struct model_task *t = task_find(ctx, id);

	note(f, user, from, f->arg);
	if (t->status != TASK_PENDING)
		return mu_error_set(err, MU_E_STATE, "the task has ended");
	f->n_aborts++;
	return 0;
}

/* A console that remembers what was typed. */

static int console_send(void *side, const void *data, size_t len)
{
	struct fixture *f = side;

	if (f->console_full)
		return MU_PIPE_FULL;
	mu_assert(f->n_typed + len < sizeof f->typed);
	memcpy(f->typed + f->n_typed, data, len);
	f->n_typed += len;
	return 0;
}

static void console_writable(void *side)
{
	struct fixture *f = side;

	f->n_consoles += 100;
}

static void console_end(void *side)
{
	struct fixture *f = side;

	f->console_ended = true;
}

static void console_close(void *side, const struct mu_error *why)
{
	struct fixture *f = side;

	(void)why;
	f->console_closed = true;
}

static void stats(void *ctx, const struct stats_query *q,
		  void (*done)(void *arg, const struct stats_result *r, const struct mu_error *err),
		  void *arg)
{
	struct fixture *f = ctx;

	f->stats = *q;
	f->stats_done = done;
	f->stats_arg = arg;
}

static size_t newest(void *ctx, const struct mu_uuid *id,
		     void (*each)(void *arg, const char *name, float value), void *arg)
{
	const struct fixture *f = ctx;
	char name[32];

	(void)id;
	for (size_t i = 0; i < f->n_newest; i++) {
		(void)snprintf(name, sizeof name, "s%zu", i);
		each(arg, name, i == 3 ? NAN : (float)i + 0.5f);
	}
	return f->n_newest;
}

static int console_open(void *ctx, const struct rest_console *rq, const struct rest_user *user,
			const char *from, struct mu_pipe near, struct mu_pipe *ret_far,
			struct mu_error *err)
{
	static const struct mu_pipe_ops ops = {.send = console_send,
					       .writable = console_writable,
					       .end = console_end,
					       .close = console_close};
	struct fixture *f = ctx;

	note(f, user, from, f->arg);
	if (f->refuse_console)
		return mu_error_set(err, MU_E_EXHAUSTED, "no more consoles");
	f->n_consoles++;
	f->console = *rq;
	f->viewer = near;
	*ret_far = (struct mu_pipe){.ops = &ops, .side = f};
	return 0;
}

static void make_hosts(struct fixture *f)
{
	static const char *const ids[] = {HOST_1, HOST_2};

	for (size_t i = 0; i < 2; i++) {
		struct model_host *h = &f->hosts[i];

		model_host_init(h);
		mu_assert(mu_uuid_parse(ids[i], &h->id.uuid));
		(void)snprintf(h->name, sizeof h->name, "xen%zu", i + 1);
		(void)snprintf(h->address, sizeof h->address, "192.0.2.%zu", i + 10);
		(void)snprintf(h->xen_version, sizeof h->xen_version, "4.17.%zu", i);
		h->cpus = 8;
		h->sockets = 1;
		h->memory_total_bytes = 1 << 30;
		h->memory_free_bytes = 1 << 29;
		h->booted_at = 1700000000000;
		h->connected = i == 0;
		h->last_seen = 1700000123456;
	}
}

static void make_vms(struct fixture *f)
{
	static const struct {
		const char *id;
		const char *name;
		enum vm_power power;
		size_t host;
	} table[FIXTURE_VMS] = {
	    {VM_WEB, "web", VM_RUNNING, 0},    {VM_DB, "db", VM_HALTED, 0},
	    {VM_FAR, "far", VM_RUNNING, 1},    {VM_SNAP, "db before the upgrade", VM_HALTED, 0},
	    {VM_TMPL, "debian", VM_HALTED, 0},
	};

	for (size_t i = 0; i < FIXTURE_VMS; i++) {
		struct model_vm *vm = &f->vms[i];

		model_vm_init(vm);
		mu_assert(mu_uuid_parse(table[i].id, &vm->id.uuid));
		(void)snprintf(vm->name, sizeof vm->name, "%s", table[i].name);
		vm->host = f->hosts[table[i].host].id;
		vm->type = VM_TYPE_PVH;
		vm->power = table[i].power;
		vm->managed = true;
		vm->vcpus_max = 4;
		vm->memory_bytes = 512 << 20;
		vm->memory_static_max_bytes = 1 << 30;
	}
	f->vms[0].domid = 5;
	f->vms[0].vcpus_online = 2;
	f->vms[0].started_at = 1700000001000;
}

static struct mu_uuid uuid(const char *text)
{
	struct mu_uuid u;

	mu_assert(mu_uuid_parse(text, &u));
	return u;
}

static void add_disk(struct model_vm *vm, const char *vdev, const char *vdi, bool attached)
{
	struct model_disk *d = &vm->disks[vm->n_disks++];

	(void)snprintf(d->vdev, sizeof d->vdev, "%s", vdev);
	d->attached = attached;
	d->cdrom = !vdi;
	if (vdi)
		d->vdi = uuid(vdi);
}

static void make_parts(struct fixture *f)
{
	struct model_vm *web = &f->vms[0];
	struct model_vm *snap = &f->vms[3];

	add_disk(web, "xvda", VDI_1, true);
	web->disks[0].bootable = true;
	add_disk(web, "hdc", NULL, true);
	web->n_nics = 1;
	web->nics[0] = (struct model_nic){
	    .device = 3, .mac = "00:16:3e:00:00:01", .bridge = "xenbr0", .attached = true};
	add_disk(&f->vms[1], "xvda", VDI_2, false);
	add_disk(snap, "xvda", VDI_2_SNAP, false);
	snap->kind = VM_KIND_SNAPSHOT;
	snap->snapshot_of = f->vms[1].id;
	snap->snapshot_at = 1700000002500;
	f->vms[4].kind = VM_KIND_TEMPLATE;
	f->vms[4].type = VM_TYPE_HVM;
	(void)snprintf(f->vms[4].boot_order, sizeof f->vms[4].boot_order, "cd");
	(void)snprintf(f->vms[4].firmware, sizeof f->vms[4].firmware, "uefi");
}

static struct model_object *report(struct fixture *f, enum fixture_report i, enum object_kind kind,
				   struct mu_uuid id, const char *name)
{
	struct model_object *o = &f->reports[i];

	model_object_init(o, kind);
	o->id = id;
	o->host = f->hosts[0].id;
	(void)snprintf(o->name, sizeof o->name, "%s", name);
	return o;
}

static void make_srs(struct fixture *f)
{
	struct model_object *o = report(f, R_SR_1, OBJECT_SR, uuid(SR_1), "shared");

	o->n_tags = 1;
	(void)snprintf(o->tags[0], sizeof o->tags[0], "gold");
	(void)snprintf(o->sr.type, sizeof o->sr.type, "nfs");
	(void)snprintf(o->sr.location, sizeof o->sr.location, "nas:/export");
	o->sr.shared = o->sr.thin = o->sr.attached = true;
	o->sr.size_bytes = 1000;
	o->sr.used_bytes = 300;
	o->sr.allocated_bytes = 2000;
	f->reports[R_SR_1_AWAY] = *o;
	f->reports[R_SR_1_AWAY].host = f->hosts[1].id;
	f->reports[R_SR_1_AWAY].sr.attached = false;
	o = report(f, R_SR_2, OBJECT_SR, uuid(SR_2), "images");
	(void)snprintf(o->sr.type, sizeof o->sr.type, "iso");
	o->sr.iso = true;
}

static void make_vdis(struct fixture *f)
{
	struct model_object *o = report(f, R_VDI_1, OBJECT_VDI, uuid(VDI_1), "root of web");

	o->vdi.sr = uuid(SR_1);
	o->vdi.size_bytes = 4096;
	(void)snprintf(o->vdi.format, sizeof o->vdi.format, "qcow2");
	o = report(f, R_VDI_2, OBJECT_VDI, uuid(VDI_2), "root of db");
	o->vdi.sr = uuid(SR_1);
	o->vdi.parent = uuid(VDI_2_SNAP);
	o = report(f, R_VDI_2_SNAP, OBJECT_VDI, uuid(VDI_2_SNAP), "root of db, before");
	o->vdi.sr = uuid(SR_1);
	o->vdi.snapshot_of = uuid(VDI_2);
	o->vdi.snapshot_at = 1700000002500;
}

static void make_network(struct fixture *f)
{
	const struct host_id *host = &f->hosts[0].id;
	struct model_object *o =
	    report(f, R_BRIDGE, OBJECT_NETWORK, object_network_id("xenbr0"), "xenbr0");

	(void)snprintf(o->network.bridge, sizeof o->network.bridge, "xenbr0");
	o->network.mtu = 9000;
	o = report(f, R_ETH0, OBJECT_PIF, object_pif_id(host, "eth0"), "eth0");
	(void)snprintf(o->pif.device, sizeof o->pif.device, "eth0");
	(void)snprintf(o->pif.bond, sizeof o->pif.bond, "bond0");
	o->pif.physical = o->pif.carrier = true;
	o->pif.speed_mbps = 10000;
	o = report(f, R_BOND, OBJECT_PIF, object_pif_id(host, "bond0"), "bond0");
	(void)snprintf(o->pif.device, sizeof o->pif.device, "bond0");
	(void)snprintf(o->pif.bridge, sizeof o->pif.bridge, "xenbr0");
	(void)snprintf(o->pif.mode, sizeof o->pif.mode, "Static");
	(void)snprintf(o->pif.ip, sizeof o->pif.ip, "192.0.2.10");
	o->pif.bond_master = o->pif.management = true;
	o = report(f, R_VLAN, OBJECT_PIF, object_pif_id(host, "bond0.7"), "bond0.7");
	(void)snprintf(o->pif.device, sizeof o->pif.device, "bond0.7");
	(void)snprintf(o->pif.vlan_device, sizeof o->pif.vlan_device, "bond0");
	(void)snprintf(o->pif.ipv6, sizeof o->pif.ipv6, "2001:db8::1");
	o->pif.vlan = 7;
	o = report(f, R_PCI, OBJECT_PCI, object_pci_id(host, "0000:03:00.0"), "");
	(void)snprintf(o->pci.address, sizeof o->pci.address, "0000:03:00.0");
	(void)snprintf(o->pci.class_name, sizeof o->pci.class_name, "VGA controller");
	o->pci.assignable = true;
	o->pci.vm = f->vms[0].id.uuid;
}

static void make_controllers(struct fixture *f)
{
	struct model_object *o = report(f, R_DOM0, OBJECT_CONTROLLER,
					object_controller_id(&f->hosts[0].id), "dom0 of alpha");

	o->controller = (struct model_controller){.vcpus_online = 2,
						  .vcpus_max = 4,
						  .memory_bytes = 1000,
						  .memory_target_bytes = 2000,
						  .memory_max_bytes = 3000};
	o = report(f, R_DOM0_AWAY, OBJECT_CONTROLLER, object_controller_id(&f->hosts[1].id),
		   "dom0 of beta");
	o->host = f->hosts[1].id;
	o->controller.pvh = true;
	o->controller.memory_bytes = 1000;
}

const char *fixture_id(struct mu_uuid id)
{
	static char texts[8][MU_UUID_TEXT];
	static size_t next;

	return mu_uuid_format(&id, texts[next++ % 8]);
}

void fixture_allow(struct fixture *f, const struct rights_privilege *privileges, size_t n)
{
	struct mu_error err = MU_ERROR_INIT;

	rights_free(f->rights);
	cr_assert_eq(rights_new(privileges, n, &f->rights, &err), 0, "%s", err.text);
}

/* What a viewer has, unless a test says otherwise. */
static const struct rights_privilege everything_read[] = {
    {.resource = "vm", .action = "read"},          {.resource = "vm", .action = "console:view"},
    {.resource = "vm-snapshot", .action = "read"}, {.resource = "vm-template", .action = "read"},
    {.resource = "host", .action = "read"},        {.resource = "pool", .action = "read"},
    {.resource = "sr", .action = "read"},          {.resource = "vdi", .action = "read"},
};

struct fixture *fixture_new(void)
{
	struct fixture *f = mu_xcalloc(1, sizeof *f);
	struct rest_backend backend = {
	    .ctx = f,
	    .authenticate = authenticate,
	    .rights = rights,
	    .refused = refused,
	    .each_host = each_host,
	    .each_vm = each_vm,
	    .each_object = each_object,
	    .each_report = each_report,
	    .each_task = each_task,
	    .host_find = host_find,
	    .vm_find = vm_find,
	    .object_find = object_find,
	    .task_find = task_find,
	    .pool = pool,
	    .vm_op = vm_op,
	    .vm_op_anyway = vm_op_anyway,
	    .host_read = host_read,
	    .host_read_cancel = host_read_cancel,
	    .vm_define = vm_define,
	    .call = ask_call,
	    .task_abort = task_abort,
	    .stats = stats,
	    .newest = newest,
	    .console_open = console_open,
	};

	make_hosts(f);
	make_vms(f);
	make_parts(f);
	make_srs(f);
	make_vdis(f);
	make_network(f);
	make_controllers(f);
	fixture_allow(f, everything_read, MU_ARRAY_SIZE(everything_read));
	f->loop = mu_loop_new();
	f->rest = rest_new(f->loop, &backend);
	return f;
}

struct fixture *fixture_free(struct fixture *f)
{
	rest_free(f->rest);
	mu_loop_free(f->loop);
	rights_free(f->rights);
	free(f);
	return NULL;
}

static struct http_request *call(struct fixture *f, enum http_method method, const char *target,
				 const char *body, const char *header, const char *value)
{
	struct http_request *r = http_request_for_test(method, target, body);

	if (header)
		http_request_for_test_header(r, header, value);
	http_request_for_test_replied(r, rest_handle(r, f->rest));
	return r;
}

struct http_request *fixture_call(struct fixture *f, enum http_method method, const char *target,
				  const char *body)
{
	return call(f, method, target, body, "authorization", "Bearer secret");
}

struct http_request *fixture_call_with(struct fixture *f, enum http_method method,
				       const char *target, const char *body, const char *header,
				       const char *value)
{
	struct http_request *r = http_request_for_test(method, target, body);

	http_request_for_test_header(r, "authorization", "Bearer secret");
	http_request_for_test_header(r, header, value);
	http_request_for_test_replied(r, rest_handle(r, f->rest));
	return r;
}

struct http_request *fixture_call_as(struct fixture *f, enum http_method method, const char *target,
				     const char *header, const char *value)
{
	return call(f, method, target, NULL, header, value);
}

void fixture_read(struct http_request *r, struct mu_str *text)
{
	struct http_out *out = MU_CONTAINER_OF(r, struct http_exchange, request)->out;

	cr_assert_not_null(out);
	while (out->sent < out->out.len) {
		size_t waiting = out->out.len - out->sent;

		cr_expect_lt(waiting, 2 * HTTP_OUT_MAX);
		mu_str_add_bytes(text, out->out.data + out->sent, waiting);
		http_out_sent(out, waiting);
	}
	cr_expect(out->ended);
	cr_expect_eq(out->length, text->len);
}

void fixture_expect(struct http_request *r, int status, const char *body_part)
{
	const char *body = http_request_for_test_body(r);

	cr_expect_eq(http_request_for_test_status(r), status, "%s?%s: %d %s", r->path, r->query,
		     http_request_for_test_status(r), body);
	if (body_part)
		cr_expect(strstr(body, body_part), "%s?%s: %s lacks %s", r->path, r->query, body,
			  body_part);
	http_request_for_test_free(r);
}

void fixture_expect_get(struct fixture *f, const char *target, int status, const char *body)
{
	struct http_request *r = fixture_call(f, HTTP_GET, target, NULL);

	cr_expect_eq(http_request_for_test_status(r), status, "%s", target);
	cr_expect_str_eq(http_request_for_test_body(r), body, "%s: %s", target,
			 http_request_for_test_body(r));
	http_request_for_test_free(r);
}

void fixture_op_started(struct fixture *f)
{
	struct model_task *t = &f->tasks[f->n_tasks++];

	memset(t, 0, sizeof *t);
	mu_assert(mu_uuid_parse(TASK_1, &t->id));
	t->op = f->op;
	t->vm = f->vm;
	if (f->op == _VM_OP_COUNT) {
		(void)snprintf(t->method, sizeof t->method, "%s", f->ask.method->name);
		t->object = f->ask.object;
		t->vm.uuid = f->ask.object;
	}
	t->host = f->hosts[0].id;
	t->start = 1700000000001;
	(void)snprintf(t->user, sizeof t->user, "%s", f->user);
	rest_task_changed(f->rest, REST_ADD, t);
	f->op_done(f->arg, &t->id, NULL);
}

void fixture_op_refused(struct fixture *f, enum mu_error_code code, const char *text)
{
	struct mu_error err = MU_ERROR_INIT;

	(void)mu_error_set(&err, code, "%s", text);
	f->op_done(f->arg, NULL, &err);
}

void fixture_task_ended(struct fixture *f, enum mu_error_code code, const char *text)
{
	struct model_task *t = &f->tasks[f->n_tasks - 1];

	t->status = code == MU_E_NONE ? TASK_SUCCESS : TASK_FAILURE;
	t->end = 1700000000500;
	if (code != MU_E_NONE)
		(void)mu_error_set(&t->err, code, "%s", text);
	rest_task_changed(f->rest, REST_UPDATE, t);
}
