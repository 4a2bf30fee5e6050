/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kinds.c: the kinds of checkers, one row each. */
#include "config.h"
#include "check/impl.h"

const struct kind *const check_kinds[CHECK_KINDS] = {
	[CHECK_TCP] = &check_tcp,
	[CHECK_PING] = &check_ping,
	[CHECK_INTF] = &check_intf,
	[CHECK_IP] = &check_ip,
	[CHECK_CUSTOM] = &check_custom,
	[CHECK_MODULE] = &check_module,
	[CHECK_SPLITBRAIN] = &check_splitbrain,
};
