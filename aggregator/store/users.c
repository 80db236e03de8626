/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/store/users.h"

#include "aggregator/store/tx.h"

/* --- reading: each row is a change --- */

static void read_user(sqlite3_stmt *st, struct access_change *c)
{
	*c = (struct access_change){
	    .verb = ACCESS_USER_PUT,
	    .user = {.id = stmt_column_uuid(st, 0),
		     .admin = sqlite3_column_int(st, 2) != 0,
		     .otp_used = (uint64_t)sqlite3_column_int64(st, 5)},
	};
	stmt_column_text(st, 1, c->user.name, sizeof c->user.name);
	stmt_column_text(st, 3, c->user.password, sizeof c->user.password);
	stmt_column_text(st, 4, c->user.otp, sizeof c->user.otp);
	stmt_column_text(st, 6, c->user.recovery, sizeof c->user.recovery);
}

static void read_group(sqlite3_stmt *st, struct access_change *c)
{
	*c = (struct access_change){.verb = ACCESS_GROUP_PUT,
				    .group = {.id = stmt_column_uuid(st, 0)}};
	stmt_column_text(st, 1, c->group.name, sizeof c->group.name);
}

static void read_role(sqlite3_stmt *st, struct access_change *c)
{
	*c = (struct access_change){.verb = ACCESS_ROLE_PUT,
				    .role = {.id = stmt_column_uuid(st, 0)}};
	stmt_column_text(st, 1, c->role.name, sizeof c->role.name);
	stmt_column_text(st, 2, c->role.description, sizeof c->role.description);
}

static void read_privilege(sqlite3_stmt *st, struct access_change *c)
{
	struct access_privilege *p = &c->privilege;

	*c = (struct access_change){
	    .verb = ACCESS_PRIVILEGE_PUT,
	    .privilege = {.id = stmt_column_uuid(st, 0),
			  .role = stmt_column_uuid(st, 1),
			  .deny = sqlite3_column_int(st, 5) != 0},
	};
	stmt_column_text(st, 2, p->resource, sizeof p->resource);
	stmt_column_text(st, 3, p->action, sizeof p->action);
	stmt_column_text(st, 4, p->selector, sizeof p->selector);
}

static void read_link(sqlite3_stmt *st, struct access_change *c)
{
	*c = (struct access_change){
	    .verb = ACCESS_LINK,
	    .link = {.kind = (enum access_link_kind)sqlite3_column_int(st, 0),
		     .of = stmt_column_uuid(st, 1),
		     .to = stmt_column_uuid(st, 2)},
	};
}

static int load(struct store *s, enum stmt_id stmt,
		void (*read)(sqlite3_stmt *st, struct access_change *c), struct access *a,
		struct mu_error *err)
{
	MU_CLEANUP(stmt_reset)
	sqlite3_stmt *st = store_read(s, stmt, NULL, 0, err);
	int rc;

	if (!st)
		return MU_FAILED;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct access_change c;

		read(st, &c);
		access_apply(a, &c);
	}
	return rc == SQLITE_DONE ? 0 : stmt_error(err, s->db, rc, "reading users");
}

int store_users_load(struct store *s, struct access *a, struct mu_error *err)
{
	if (load(s, STMT_USER_LIST, read_user, a, err) < 0 ||
	    load(s, STMT_GROUP_LIST, read_group, a, err) < 0 ||
	    load(s, STMT_ROLE_LIST, read_role, a, err) < 0 ||
	    load(s, STMT_PRIVILEGE_LIST, read_privilege, a, err) < 0)
		return MU_FAILED;
	return load(s, STMT_LINK_LIST, read_link, a, err);
}

/* --- writing --- */

static void delete_of(struct store_tx *tx, enum stmt_id stmt, const struct mu_uuid *id)
{
	struct stmt_value v = stmt_uuid(id);

	store_tx_add(tx, stmt, &v, 1);
}

static void put_user(struct store_tx *tx, const struct access_user *u)
{
	struct stmt_value v[] = {stmt_uuid(&u->id),     stmt_text(u->name),
				 stmt_int(u->admin),    stmt_text(u->password),
				 stmt_text(u->otp),     stmt_int((int64_t)u->otp_used),
				 stmt_text(u->recovery)};

	store_tx_add(tx, STMT_USER_PUT, v, MU_ARRAY_SIZE(v));
}

static void put_group(struct store_tx *tx, const struct access_group *g)
{
	struct stmt_value v[] = {stmt_uuid(&g->id), stmt_text(g->name)};

	store_tx_add(tx, STMT_GROUP_PUT, v, MU_ARRAY_SIZE(v));
}

static void put_role(struct store_tx *tx, const struct access_role *r)
{
	struct stmt_value v[] = {stmt_uuid(&r->id), stmt_text(r->name), stmt_text(r->description)};

	store_tx_add(tx, STMT_ROLE_PUT, v, MU_ARRAY_SIZE(v));
}

static void put_privilege(struct store_tx *tx, const struct access_privilege *p)
{
	struct stmt_value v[] = {stmt_uuid(&p->id),      stmt_uuid(&p->role),
				 stmt_text(p->resource), stmt_text(p->action),
				 stmt_text(p->selector), stmt_int(p->deny)};

	store_tx_add(tx, STMT_PRIVILEGE_PUT, v, MU_ARRAY_SIZE(v));
}

static void copy_role(struct store_tx *tx, const struct access *a, const struct access_change *c)
{
	const struct access_privilege *p;
	struct access_privilege copy;

	put_role(tx, &c->role);
	for (size_t i = 0; (p = access_privilege_next(a, &i));) {
		if (!mu_uuid_equal(&p->role, &c->id))
			continue;
		access_copy(p, &c->role.id, &copy);
		put_privilege(tx, &copy);
	}
}

static void write_link(struct store_tx *tx, enum stmt_id stmt, const struct access_link *l)
{
	struct stmt_value v[] = {stmt_int(l->kind), stmt_uuid(&l->of), stmt_uuid(&l->to)};

	store_tx_add(tx, stmt, v, MU_ARRAY_SIZE(v));
}

void store_users_change(struct store_tx *tx, const struct access *a, const struct access_change *c)
{
	switch (c->verb) {
	case ACCESS_USER_PUT:
		put_user(tx, &c->user);
		return;
	case ACCESS_USER_DELETE:
		delete_of(tx, STMT_LINK_DELETE_OF, &c->id);
		delete_of(tx, STMT_TOKEN_DELETE_OF, &c->id);
		delete_of(tx, STMT_USER_DELETE, &c->id);
		return;
	case ACCESS_GROUP_PUT:
		put_group(tx, &c->group);
		return;
	case ACCESS_GROUP_DELETE:
		delete_of(tx, STMT_LINK_DELETE_OF, &c->id);
		delete_of(tx, STMT_GROUP_DELETE, &c->id);
		return;
	case ACCESS_ROLE_PUT:
		put_role(tx, &c->role);
		return;
	case ACCESS_ROLE_COPY:
		copy_role(tx, a, c);
		return;
	case ACCESS_ROLE_DELETE:
		delete_of(tx, STMT_LINK_DELETE_OF, &c->id);
		delete_of(tx, STMT_PRIVILEGE_DELETE_OF, &c->id);
		delete_of(tx, STMT_ROLE_DELETE, &c->id);
		return;
	case ACCESS_PRIVILEGE_PUT:
		put_privilege(tx, &c->privilege);
		return;
	case ACCESS_PRIVILEGE_DELETE:
		delete_of(tx, STMT_PRIVILEGE_DELETE, &c->id);
		return;
	case ACCESS_LINK:
		write_link(tx, STMT_LINK_ADD, &c->link);
		return;
	case ACCESS_UNLINK:
		write_link(tx, STMT_LINK_DELETE, &c->link);
		return;
	}
}
