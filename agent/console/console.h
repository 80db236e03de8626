/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The consoles of this host's VMs: several viewers each, one of whom may type. A serial console is
 * read once for all its viewers, remembers its last 64 KiB for those who come later, and follows
 * its VM from one domain to the next; VNC has a connection a viewer. docs/design/console.md.
 *
 * A viewer is one end of a struct mu_pipe; the other is whoever carries it to a person. Loop
 * thread.
 */
#ifndef MUSTER_AGENT_CONSOLE_CONSOLE_H
#define MUSTER_AGENT_CONSOLE_CONSOLE_H

#include "agent/hv/hv.h"
#include "common/base/pipe.h"

struct console_hub;

/* What is known of a VM. */
struct console_vm {
	char name[MODEL_NAME_MAX + 1];
	bool running; /* has a domain */
	struct hv_domid domid;
};

struct console_hub_options {
	struct hv *hv;
	/* False: no such VM on this host. */
	bool (*look)(void *ctx, const struct vm_id *vm, struct console_vm *ret);
	void *ctx;
};

struct console_request {
	struct vm_id vm;
	enum hv_console_kind kind;
	bool write; /* wants to type, and may */
	bool take;  /* even if another does: that one can only read from then on */
	const char *user;
	const char *from;
};

struct console_hub *console_hub_new(struct mu_loop *loop,
				    const struct console_hub_options *options);
/* Every viewer is told. Takes NULL; returns NULL. */
struct console_hub *console_hub_free(struct console_hub *hub);
/* A new viewer; `near` leads to whoever asked, *ret_far to the console. Nothing is sent inside.
 * MU_E_NOT_FOUND: no such VM; MU_E_STATE: it does not run (VNC); MU_E_EXHAUSTED: too many. */
int console_hub_open(struct console_hub *hub, const struct console_request *rq, struct mu_pipe near,
		     struct mu_pipe *ret_far, struct mu_error *err);
/* It came, started or stopped. */
void console_hub_vm_changed(struct console_hub *hub, const struct vm_id *vm);
/* It is not known any more, or will not be when this was told to everybody. */
void console_hub_vm_gone(struct console_hub *hub, const struct vm_id *vm);

#endif
