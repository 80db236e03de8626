/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the models and their protobuf messages. Encoding allocates the message in the arena;
 * decoding checks everything that came over the wire: enum ranges, lengths, UTF-8, counts; a
 * refusal names the field, and *ret is untouched then. Any thread.
 */
#ifndef MUSTER_WIRE_WIRE_H
#define MUSTER_WIRE_WIRE_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/host.h"
#include "common/model/host_read.h"
#include "common/model/object.h"
#include "common/model/vm.h"

#include "muster/v1/fleet.pb-c.h"

Muster__V1__VmState *wire_vm_encode(struct mu_arena *a, const struct model_vm *vm);
/* `host` is whose stream it came on. MU_E_PROTOCOL names the field. */
int wire_vm_decode(const Muster__V1__VmState *m, const struct host_id *host,
		   struct model_vm *ret_vm, struct mu_error *err);
Muster__V1__ObjectState *wire_object_encode(struct mu_arena *a, const struct model_object *o);
/* As wire_vm_decode(). WIRE_UNKNOWN_KIND: a newer peer made it up; it is to be left out. */
enum { WIRE_UNKNOWN_KIND = 1 };
int wire_object_decode(const Muster__V1__ObjectState *m, const struct host_id *host,
		       struct model_object *ret_object, struct mu_error *err);
Muster__V1__HostState *wire_host_encode(struct mu_arena *a, const struct model_host *h);
int wire_host_decode(const Muster__V1__HostState *m, const struct host_id *id,
		     struct model_host *ret_host, struct mu_error *err);
/* 16 bytes, not all zero, or MU_E_PROTOCOL. */
int wire_uuid_decode(const ProtobufCBinaryData *b, const char *field, struct mu_uuid *ret,
		     struct mu_error *err);
ProtobufCBinaryData wire_uuid_encode(struct mu_arena *a, const struct mu_uuid *u);

Muster__V1__VmOp wire_op_encode(enum vm_op op);
int wire_op_decode(Muster__V1__VmOp op, enum vm_op *ret, struct mu_error *err);

Muster__V1__HostRead *wire_host_read_encode(struct mu_arena *a, const struct mu_uuid *id,
					    const struct host_read *what);
/* `m->id` is not looked at. MU_E_UNSUPPORTED for a kind that is not known here, MU_E_INVALID. */
int wire_host_read_decode(const Muster__V1__HostRead *m, struct host_read *ret,
			  struct mu_error *err);

/*
 * Pack into the arena / unpack from untrusted bytes (in the arena, nothing to free). What unpacks
 * is at most WIRE_MESSAGE_MAX bytes of well-formed protobuf, with UTF-8 texts without NUL, at most
 * WIRE_VMS_MAX VMs and WIRE_OBJECTS_MAX objects, batches of metrics within their bounds, and memory
 * in proportion to its bytes. A kind that a newer peer made up comes as kind_case __NOT_SET: to be
 * ignored. Errors: MU_E_PROTOCOL, MU_E_TOO_LARGE, with the path to the field. What the values mean
 * is still to be checked, by the functions above.
 */
void wire_pack(struct mu_arena *a, const ProtobufCMessage *m, const void **ret_data,
	       size_t *ret_len);
int wire_unpack_agent_message(struct mu_arena *a, const void *data, size_t len,
			      Muster__V1__AgentMessage **ret, struct mu_error *err);
int wire_unpack_aggregator_message(struct mu_arena *a, const void *data, size_t len,
				   Muster__V1__AggregatorMessage **ret, struct mu_error *err);
int wire_unpack_tunnel_up(struct mu_arena *a, const void *data, size_t len,
			  Muster__V1__TunnelUp **ret, struct mu_error *err);
int wire_unpack_tunnel_down(struct mu_arena *a, const void *data, size_t len,
			    Muster__V1__TunnelDown **ret, struct mu_error *err);

/* Bounds of one message on the stream. */
enum {
	WIRE_MESSAGE_MAX = 4 << 20,
	WIRE_VMS_MAX = 4096,      /* of one host */
	WIRE_OBJECTS_MAX = 16384, /* the same */
	WIRE_IDS_MAX = WIRE_VMS_MAX + WIRE_OBJECTS_MAX,
	WIRE_BATCHES_MAX = 32,
	WIRE_NUMBERS_MAX = 16384, /* values and counters of batches, where there are several */
};

#endif
