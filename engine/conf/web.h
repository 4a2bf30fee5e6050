/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * web.h: what others must know of the web service's configuration (UG 10.5): its ports, and whether it speaks HTTPS.
 *
 * Called by: safekit -H, module getports.  Never does: understand the rest of httpd.conf, which is Apache's.
 */
#ifndef SK_CONF_WEB_H
#define SK_CONF_WEB_H

#include "base/base.h"

#define WEB_HTTP_PORT	9010
#define WEB_HTTPS_PORT	9453

struct conf_web {
	bool	 https;				/* SAFE/web/conf/ssl/httpd.webconsolessl.conf is there */
	uint16_t http_port, https_port;		/* Define httpadminport, httpsport of SAFE/web/conf/httpd.conf */
};
void conf_web_read(struct conf_web *out);	/* what is not said has its default */
void conf_web_parse(const char *httpd_conf, struct conf_web *out);	/* the ports; pure */

#endif
