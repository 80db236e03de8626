/* SPDX-License-Identifier: Apache-2.0 */
/* What viewers of both kinds have in common, and the hub as they see it; for this folder only. */
#ifndef MUSTER_AGENT_CONSOLE_VIEWER_H
#define MUSTER_AGENT_CONSOLE_VIEWER_H

#include "agent/console/console.h"
#include "common/base/list.h"

enum { CONSOLE_PIECE_MAX = 16384 };

struct console_hub {
	struct mu_loop *loop;
	struct console_hub_options options;
	struct mu_link serials; /* serial.c */
	struct mu_link screens; /* vnc.c */
	size_t n_viewers;
};

struct viewer {
	struct console_hub *hub;
	struct vm_id vm;
	enum hv_console_kind kind;
	bool wants_write;
	char user[MODEL_NAME_MAX + 1];
	char from[64];
	struct mu_pipe near;
	mu_msec opened_at;
	uint64_t n_shown; /* bytes to the viewer */
	uint64_t n_typed; /* bytes from it that were let through */
};

void viewer_init(struct viewer *v, struct console_hub *hub, const struct console_request *rq,
		 struct mu_pipe near);
/* It leaves; for the log. */
void viewer_deinit(struct viewer *v);
/* For the log: `by` types from now on instead of `from`. */
void viewer_log_taken(const struct viewer *from, const struct viewer *by);
/* To the person; counts what was taken. 0, or MU_PIPE_FULL. */
int viewer_send(struct viewer *v, const void *data, size_t len);

/* serial.c */
int serial_open(struct console_hub *hub, const struct console_request *rq, struct mu_pipe near,
		struct mu_pipe *ret_far, struct mu_error *err);
void serial_vm_changed(struct console_hub *hub, const struct vm_id *vm);
void serial_vm_gone(struct console_hub *hub, const struct vm_id *vm);
void serial_close_all(struct console_hub *hub, const struct mu_error *why);

/* vnc.c */
int vnc_open(struct console_hub *hub, const struct console_request *rq, struct mu_pipe near,
	     struct mu_pipe *ret_far, struct mu_error *err);
void vnc_close_all(struct console_hub *hub, const struct mu_error *why);

#endif
