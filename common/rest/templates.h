/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in templates among the users' own: objects of type VM-template that no host has. */
#ifndef MUSTER_REST_TEMPLATES_H
#define MUSTER_REST_TEMPLATES_H

#include "common/model/builtin.h"
#include "common/rest/render.h"

/* Is it one? Decided by its host: it has none. */
bool rest_is_builtin(const struct model_vm *vm);
/* False when `each` returned false. */
bool rest_builtins_each(bool (*each)(const void *object, void *arg), void *arg);
/* Calls `found` if the id is one's. */
void rest_builtin_find(const struct mu_uuid *id, void (*found)(const void *object, void *arg),
		       void *arg);

/* Fields of a struct model_vm. */
struct mu_value *rest_template_is_default(struct rest_render *r, const void *object);
struct mu_value *rest_template_info(struct rest_render *r, const void *object);
struct mu_value *rest_template_viridian(struct rest_render *r, const void *object);
struct mu_value *rest_template_vtpm(struct rest_render *r, const void *object);

/* What a call is asked of a built-in template: vm.clone is a vm.create of it, anything else 409. */
struct http_reply *rest_builtin_place(struct rest_call *c, const struct builtin_template *t,
				      struct mu_value *body, struct rest_target *target);

#endif
