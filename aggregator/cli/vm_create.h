/* SPDX-License-Identifier: Apache-2.0 */
/* Making a VM with names in place of ids, for `vm create` and for `apply`. */
#ifndef MUSTER_AGGREGATOR_CLI_VM_CREATE_H
#define MUSTER_AGGREGATOR_CLI_VM_CREATE_H

#include "aggregator/cli/cli.h"

/* Names or ids; NULL: not said. */
struct cli_vm_wish {
	const char *template;
	const char *sr;
	const char *network; /* of its one card */
	const char *host;
	const char *cdrom;        /* install from this VDI */
	const char *image;        /* its first disk is a clone of this VDI */
	const char *disk;         /* size of the first disk */
	const char *cloud_config; /* text */
	bool start;
};

/* Ask for it; `body` has further arguments of vm.create. The answer is that to a call. */
int cli_vm_make(struct cli *cli, const char *name, const struct cli_vm_wish *wish,
		struct mu_value *body, const struct mu_value **ret_answer, struct mu_error *err);
/* "/rest/v0/pools/ID/actions/<action>" of the one pool. */
int cli_pool_action(struct cli *cli, const char *action, const char **ret_path,
		    struct mu_error *err);

#endif
