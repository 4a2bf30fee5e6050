/* SPDX-License-Identifier: GPL-2.0-or-later */
/* certs.h: when the certificates of the web service expire: head of certs.c. */
#ifndef SK_CERTS_H
#define SK_CERTS_H

#include <stdint.h>

#define CERTS	4	/* server, admin, cacert, clcacert */

struct admin;
void certs_start(struct admin *a);	/* once, before the loop runs */
void certs_end(void);			/* its handles are gone when the loop has run once more */
void certs_heart_came(struct admin *a, const char *module);	/* behind the answer to its hello */
/* Pure: the step that a certificate which is good for left_s seconds has reached: 30, 14, 7, 3, 1 days, 0 expired, INT_MAX none */
int certs_due(int64_t left_s);

#endif
