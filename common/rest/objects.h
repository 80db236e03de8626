/* SPDX-License-Identifier: Apache-2.0 */
/* From the backend's struct model_object to the callbacks of struct rest_type, for the files of
 * this folder that have a type of them. */
#ifndef MUSTER_REST_OBJECTS_H
#define MUSTER_REST_OBJECTS_H

#include "common/rest/rest.h"

const struct mu_uuid *rest_object_id(const void *object);
/* `keep` (NULL: all) narrows it. */
void rest_objects_each(const struct rest_backend *b, enum object_kind kind,
		       bool (*keep)(const struct model_object *o),
		       bool (*each)(const void *object, void *arg), void *arg);
void rest_objects_find(struct rest *rest, const struct mu_uuid *id, enum object_kind kind,
		       bool (*keep)(const struct model_object *o),
		       void (*found)(const void *object, void *arg), void *arg);

#endif
