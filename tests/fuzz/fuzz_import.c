/* SPDX-License-Identifier: Apache-2.0 */
/* Other tools' files: refused with a reason, or a definition that reads back to itself. The first
 * byte chooses the format. */
#include "agent/import/import.h"
#include "common/base/assert.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void check(struct mu_arena *a, const char *format, const char *text, size_t len)
{
	struct vm_spec *spec = mu_arena_alloc(a, sizeof *spec);
	struct mu_error err = MU_ERROR_INIT;

	if (import_text(format, text, len, spec, &err) < 0) {
		mu_assert(err.code && *err.text);
		return;
	}
	mu_assert(vm_spec_check(spec, &err) == 0);
	mu_assert(vm_spec_decode(vm_spec_encode(a, spec), spec, &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();

	if (size && size <= FUZZ_INPUT_MAX)
		check(a, *data == 'l' ? "libvirt" : "xl", (const char *)data + 1, size - 1);
	return 0;
}

size_t fuzz_seed(size_t i, uint8_t buf[static FUZZ_INPUT_MAX])
{
	static const char *const seeds[] = {
	    "xname = \"a\"\nkernel = \"/k\"\nmemory = 64\nvcpus = 2\ncpus = [ \"0-1,^1\", \"2\" ]\n"
	    "disk = [ \"/a,qcow2,xvda,rw\", \"phy:/dev/b,xvdb,w\" ]\n"
	    "vif = [ \"mac=00:16:3e:00:00:01,bridge=br0,rate=1MB/s\", \"\" ]\n"
	    "pci = [ \"0000:03:00.0,seize=1\" ]\nextra = \"a=b\"\n",
	    "xtype = \"hvm\"\nname = 'w'\nmemory = 512\nviridian = [ \"defaults\", \"!freq\" ]\n"
	    "vnc = 1\nusbctrl = [ \"type=qusb,version=3\" ]\ncpuid = \"host,tm=0\"\n"
	    "vsnd = [ [ \"card, sample-rates=1;2\", \"pcm, name=a\" ] ]\nboot = \"dc\" # c\n",
	    "l<domain type='xen'><name>a</name><memory unit='MiB'>64</memory><vcpu cpuset='0-1'>2"
	    "</vcpu><os><type>linux</type><kernel>/k</kernel></os><devices><disk type='file'>"
	    "<driver name='qemu' type='qcow2'/><source file='/a'/><target dev='xvda'/></disk>"
	    "<interface type='bridge'><mac address='00:16:3e:00:00:01'/><source bridge='b'/>"
	    "</interface><graphics type='vnc' port='5901'/></devices></domain>",
	    "l<domain type='xen'><name>b</name><memory>65536</memory><os><type>hvm</type><boot "
	    "dev='hd'/></os><features><acpi/><hyperv><relaxed state='on'/></hyperv></features>"
	    "<cpu mode='host-passthrough'><feature policy='disable' name='vmx'/></cpu><clock "
	    "offset='variable' adjustment='-5'><timer name='tsc' mode='native'/></clock><devices>"
	    "<hostdev type='pci' managed='yes'><source><address bus='0x3'/></source></hostdev>"
	    "<serial type='tcp'><source service='1'/></serial></devices></domain>",
	};

	if (i >= MU_ARRAY_SIZE(seeds))
		return 0;
	memcpy(buf, seeds[i], strlen(seeds[i]));
	return strlen(seeds[i]);
}
