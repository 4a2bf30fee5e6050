/* SPDX-License-Identifier: GPL-2.0-or-later */
/* privilege.h: who safeagent, safeexport and safewebgate run as. */
#ifndef SK_PRIVILEGE_H
#define SK_PRIVILEGE_H

/* From root to the user safekit, for ever; fatal() when that cannot be done.  A server without that user (a lab) runs the program as it was
 * started.  At the start, while there is one thread. */
void privilege_drop(void);

#endif
