/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the reader of libvirt's domain XML; for the files import_libvirt*.c alone. */
#ifndef MUSTER_AGENT_IMPORT_LIBVIRT_H
#define MUSTER_AGENT_IMPORT_LIBVIRT_H

#include "agent/import/import_xml.h"
#include "common/base/str.h"
#include "common/base/value.h"
#include "common/model/vm.h"

struct libvirt {
	struct mu_arena *arena;
	enum vm_type type;
	struct mu_value *root; /* libxl's form */
	struct mu_str *cpuid;  /* as xl.cfg has it */
};

/* A word of libvirt's and what it is for libxl; tables end with NULL. */
struct libvirt_word {
	const char *libvirt;
	const char *libxl;
};

/* Sets what libxl has at `path`; a NULL text does nothing. */
void libvirt_text(struct libvirt *l, const char *path, const char *text);
void libvirt_switch(struct libvirt *l, const char *path, bool on);
void libvirt_int(struct libvirt *l, const char *path, int64_t n);
/* The word's other side, or NULL. */
const char *libvirt_word(const struct libvirt_word *words, const char *text);
/* "yes", "on" or nothing: true. */
bool libvirt_yes(const char *text);
/* Whole number, decimal or 0x...; fails with the line of `node`. */
int libvirt_number(const struct xml_node *node, const char *what, const char *text, int64_t max,
		   int64_t *ret, struct mu_error *err);
int libvirt_machine(struct libvirt *l, struct xml_node *domain, struct mu_error *err);
int libvirt_devices(struct libvirt *l, struct xml_node *devices, struct mu_error *err);
/* One element each; what they leave in it is refused later. */
int libvirt_graphics(struct libvirt *l, struct xml_node *node, struct mu_error *err);
int libvirt_video(struct libvirt *l, struct xml_node *node, struct mu_error *err);
int libvirt_serial(struct libvirt *l, struct xml_node *node, struct mu_error *err);
int libvirt_console(struct libvirt *l, struct xml_node *node, struct mu_error *err);

#endif
