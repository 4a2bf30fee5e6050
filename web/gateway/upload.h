/* SPDX-License-Identifier: GPL-2.0-or-later */
/* upload.h: a body that goes to a kept file of the parent's, piece by piece as it comes. */
#ifndef SK_WEB_UPLOAD_H
#define SK_WEB_UPLOAD_H

#include "web/gateway/gateway.h"

bool upload_ready(struct request *r);	/* false: wait for the file, or a problem */
void upload_take(struct request *r, const char *data, size_t n);
bool upload_kept(struct request *r);	/* it is whole and has its name, r->up.token; false: wait, or a problem */
void upload_end(struct request *r);	/* what does not stay (POST /files) is dropped */
void upload_drop(const char *token);	/* a kept file is not needed any more; nobody waits for the answer */

#endif
