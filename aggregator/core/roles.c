/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roles that are always there. Their ids, and those of their privileges, are the same
 * everywhere and for ever: whoever has one keeps it when a later version adds to it.
 */
#include "aggregator/core/access.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <string.h>

struct grant {
	const char *resource;
	const char *action;
};

#define LOOK                                                                                       \
	{"vm", "read"}, {"vm-snapshot", "read"}, {"vm-template", "read"}, {"vbd", "read"},         \
	    {"vif", "read"}, {"vdi", "read"}, {"vdi-snapshot", "read"}, {"sr", "read"},            \
	    {"pbd", "read"}, {"host", "read"}, {"pool", "read"}, {"network", "read"},              \
	    {"pif", "read"}, {"pci", "read"}, {"alarm", "read"}, {"message", "read"},              \
	    {"alarm-rule", "read"}, {"metrics", "read"},                                           \
	{                                                                                          \
		"task", "read"                                                                     \
	}

static const struct grant viewer[] = {LOOK, {"vm", "console:view"}};

static const struct grant operator_[] = {
    LOOK,
    {"vm", "console"},
    {"vm", "start"},
    {"vm", "resume"},
    {"vm", "pause"},
    {"vm", "unpause"},
    {"vm", "suspend"},
    {"vm", "shutdown"},
    {"vm", "reboot"},
    {"vm", "snapshot"},
    {"vm", "update:tags"},
    {"vm", "update:notes"},
    {"vbd", "insert"},
    {"vbd", "eject"},
    {"alarm", "acknowledge"},
    {"task", "abort"},
};

/* Reads everything there is to read, the contents of disks too, and changes only snapshots. */
static const struct grant backup_operator[] = {
    LOOK,
    {"vm", "snapshot"},
    {"vm", "revert-snapshot"},
    {"vm", "export"},
    {"vm-snapshot", "*"},
    {"vm-template", "export"},
    {"vdi", "snapshot"},
    {"vdi", "export-content"},
    {"vdi-snapshot", "*"},
    {"sr", "import"},
    {"host", "upload"},
    {"pool", "create:vm"},
    {"network", "attach"},
    {"task", "abort"},
};

static const struct grant admin[] = {{"*", "*"}};

static const struct {
	struct mu_uuid id;
	const char *name;
	const char *description;
	const struct grant *grants;
	size_t n_grants;
} table[] = {
#define ROLE_ID(n)                                                                                 \
	{                                                                                          \
		{                                                                                  \
			0x6d, 0x75, 0x73, 0x74, 0x65, 0x72, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, n     \
		}                                                                                  \
	}
    {ROLE_ID(1), "viewer", "sees everything but users and the audit log, changes nothing", viewer,
     MU_ARRAY_SIZE(viewer)},
    {ROLE_ID(2), "operator", "starts, stops and snapshots VMs, and types into their consoles",
     operator_, MU_ARRAY_SIZE(operator_)},
    {ROLE_ID(3), "backup operator", "snapshots, reads and restores VMs and disks", backup_operator,
     MU_ARRAY_SIZE(backup_operator)},
    {ROLE_ID(4), "admin", "does everything that has a privilege", admin, MU_ARRAY_SIZE(admin)},
};

static void add_privilege(struct access *a, const struct mu_uuid *role, const struct grant *g)
{
	struct access_change c = {.verb = ACCESS_PRIVILEGE_PUT, .privilege = {.role = *role}};
	struct access_privilege *p = &c.privilege;
	char name[RIGHTS_TEXT_MAX];

	(void)snprintf(name, sizeof name, "%s:%s", g->resource, g->action);
	p->id = mu_uuid_derive(role, name);
	(void)snprintf(p->resource, sizeof p->resource, "%s", g->resource);
	(void)snprintf(p->action, sizeof p->action, "%s", g->action);
	access_apply(a, &c);
}

void access_add_builtin(struct access *a)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(table); i++) {
		struct access_change c = {.verb = ACCESS_ROLE_PUT, .role = {.builtin = true}};

		c.role.id = table[i].id;
		(void)snprintf(c.role.name, sizeof c.role.name, "%s", table[i].name);
		(void)snprintf(c.role.description, sizeof c.role.description, "%s",
			       table[i].description);
		access_apply(a, &c);
		for (size_t k = 0; k < table[i].n_grants; k++)
			add_privilege(a, &table[i].id, &table[i].grants[k]);
	}
}
