/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process for the tests of common/rest: two hosts (the second away), three VMs, a snapshot of one
 * and a template, what they are made of, tasks that the test ends when it pleases. What the
 * handlers asked of it can be looked at.
 */
#ifndef MUSTER_TESTS_REST_FIXTURE_H
#define MUSTER_TESTS_REST_FIXTURE_H

#include "common/base/str.h"
#include "common/http/testing.h"
#include "common/rest/rest.h"
#include "common/rights/rights.h"

#define HOST_1 "11111111-1111-4111-8111-111111111111"
#define HOST_2 "22222222-2222-4222-8222-222222222222"
#define POOL "99999999-9999-4999-8999-999999999999"
#define VM_WEB "aaaaaaaa-0000-4000-8000-000000000001"  /* runs on HOST_1 */
#define VM_DB "aaaaaaaa-0000-4000-8000-000000000002"   /* halted on HOST_1 */
#define VM_FAR "aaaaaaaa-0000-4000-8000-000000000003"  /* ran on HOST_2, which is away */
#define VM_SNAP "aaaaaaaa-0000-4000-8000-000000000004" /* of VM_DB */
#define VM_TMPL "aaaaaaaa-0000-4000-8000-000000000005" /* on HOST_1 */
#define SR_1 "cccccccc-0000-4000-8000-000000000001"    /* shared by both hosts */
#define SR_2 "cccccccc-0000-4000-8000-000000000002"    /* of HOST_1 alone: images */
#define VDI_1 "dddddddd-0000-4000-8000-000000000001"   /* xvda of VM_WEB, on SR_1 */
#define VDI_2 "dddddddd-0000-4000-8000-000000000002"   /* xvda of VM_DB */
#define VDI_2_SNAP "dddddddd-0000-4000-8000-000000000003"
/* Derived from others' ids, and so what they are for ever. */
#define PBD_1 "c765b420-e8a6-8546-9571-d312329c7641"     /* SR_1 on HOST_1 */
#define NETWORK_1 "02a28d0f-837e-8ecc-ba22-c2dfe2406e0f" /* xenbr0 */
#define PIF_1 "38494e6c-bf6b-8e33-a131-af134b31dab0"     /* eth0 of HOST_1 */
#define TASK_1 "bbbbbbbb-0000-4000-8000-000000000001"
#define NOBODY "00000000-0000-4000-8000-000000000000"

enum { FIXTURE_VMS = 5, FIXTURE_REPORTS = 13, FIXTURE_TASKS_MAX = 4 };

struct fixture {
	struct rights *rights; /* of whoever comes with "look:only", and more of his name */
	struct mu_loop *loop;
	struct rest *rest;
	struct model_host hosts[2];
	struct model_vm vms[FIXTURE_VMS];
	struct model_object reports[FIXTURE_REPORTS]; /* the first of an id is shown */
	struct model_task tasks[FIXTURE_TASKS_MAX];
	size_t n_tasks;
	/* What was asked */
	unsigned n_ops;
	struct vm_id vm;
	struct host_id host;
	enum vm_op op;
	mu_msec deadline;
	char user[MODEL_NAME_MAX + 1];
	char from[64];
	char definition[512]; /* as JSON; of a call: its arguments */
	struct rest_ask ask;
	unsigned n_aborts;
	unsigned n_refused; /* what was said of the last one: */
	char refused[160];
	bool anyway;
	struct host_read_op *read; /* under way */
	unsigned n_read_cancels;
	/* and is to be answered */
	void (*op_done)(void *arg, const struct mu_uuid *task, const struct mu_error *err);
	void (*define_done)(void *arg, const struct vm_id *vm, const struct mu_error *err);
	void *arg;
	bool no_token;            /* "secret" is not known any more */
	bool no_admin;            /* who comes with it may look only */
	struct stats_query stats; /* what was asked for; stats_done is to be called */
	void (*stats_done)(void *arg, const struct stats_result *r, const struct mu_error *err);
	void *stats_arg;
	size_t n_newest; /* so many series has every object: s0 is 0.5, s1 is 1.5, ...; s3 is
			    unknown */
	/* A console: what was asked for, typed; `console_full` takes nothing more. */
	unsigned n_consoles;
	struct rest_console console;
	struct mu_pipe viewer;
	bool refuse_console;
	bool console_full;
	bool console_ended;
	bool console_closed;
	char typed[256];
	size_t n_typed;
};

/* One for each test; freed by fixture_free(). */
struct fixture *fixture_new(void);
struct fixture *fixture_free(struct fixture *f);
void fixture_allow(struct fixture *f, const struct rights_privilege *privileges, size_t n);

/* By its place in `reports`. */
enum fixture_report {
	R_SR_1,      /* as HOST_1 sees it */
	R_SR_1_AWAY, /* as HOST_2 does */
	R_SR_2,
	R_VDI_1,
	R_VDI_2,
	R_VDI_2_SNAP,
	R_BRIDGE,
	R_ETH0, /* enslaved by R_BOND */
	R_BOND, /* port of R_BRIDGE */
	R_VLAN,
	R_PCI, /* assigned to VM_WEB */
	R_DOM0,
	R_DOM0_AWAY, /* of HOST_2 */
};

/* The ids that are made from others. */
const char *fixture_id(struct mu_uuid id);

/* Make a request as "admin" and hand it to the dispatcher. To be freed by the caller. */
struct http_request *fixture_call(struct fixture *f, enum http_method method, const char *target,
				  const char *body);
/* The same with a header of the caller's choice instead (NULL: none). */
struct http_request *fixture_call_as(struct fixture *f, enum http_method method, const char *target,
				     const char *header, const char *value);
/* As "admin", with a further header. */
struct http_request *fixture_call_with(struct fixture *f, enum http_method method,
				       const char *target, const char *body, const char *header,
				       const char *value);
/* All of a long answer, piece by piece as its peer reads it. */
void fixture_read(struct http_request *r, struct mu_str *text);
/* Check the status of a request's reply, and free it. */
void fixture_expect(struct http_request *r, int status, const char *body_part);
/* GET and compare the whole body. */
void fixture_expect_get(struct fixture *f, const char *target, int status, const char *body);

/* Answer the operation that waits: a pending task TASK_1 now exists. */
void fixture_op_started(struct fixture *f);
void fixture_op_refused(struct fixture *f, enum mu_error_code code, const char *text);
/* The task ended: MU_E_NONE is success. */
void fixture_task_ended(struct fixture *f, enum mu_error_code code, const char *text);

#endif
