/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c: the module comes and goes.  What is attached goes with it: first nobody can attach any more, then every filter is taken off
 * its interface, then no packet is left in our code.
 */
#include <linux/module.h>
#include <net/genetlink.h>

#include "safevip.h"

static int __init
safevip_init(void)
{
	int err;

	err = safevip_attach_init();
	if (err < 0)
		goto out;
	err = safevip_nl_init();
	if (err < 0)
		goto out_attach;
	pr_info("safevip: filter of virtual addresses, abi %d\n", FILTER_ABI);
	return 0;

out_attach:
	safevip_attach_exit();
out:
	return err;
}

static void __exit
safevip_exit(void)
{
	safevip_nl_exit();
	safevip_attach_exit();
}

module_init(safevip_init);
module_exit(safevip_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Filter of virtual IP addresses: one address, several servers");
MODULE_VERSION("0.1.0");
MODULE_ALIAS_GENL_FAMILY(FILTER_GENL_NAME);
