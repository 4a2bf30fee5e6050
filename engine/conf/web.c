/* SPDX-License-Identifier: GPL-2.0-or-later */
/* web.c: ports and protocol of the web service, from the lines "Define NAME VALUE" of httpd.conf (web.h). */
#include "config.h"
#include "conf/web.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define FILE_MAX (1u << 20)	/* bytes of httpd.conf (ours) */

/* "Define name value" -> value in out; Apache compares directives without regard to case, names with */
static bool
defined(const char *line, size_t len, const char *name, uint16_t *out)
{
	static const char directive[] = "Define";
	char word[16];
	uint64_t port;
	size_t n;

	n = strspn(line, " \t");
	if (len < n + sizeof(directive) || strncasecmp(line + n, directive, sizeof(directive) - 1) != 0)
		return false;
	n += sizeof(directive) - 1;
	if (strspn(line + n, " \t") == 0)
		return false;
	n += strspn(line + n, " \t");
	if (strncmp(line + n, name, strlen(name)) != 0 || strspn(line + n + strlen(name), " \t") == 0)
		return false;
	n += strlen(name);
	n += strspn(line + n, " \t\"");
	if (!path_format(word, sizeof(word), "%.*s", (int)strspn(line + n, "0123456789"), line + n)
	    || !str_to_u64(word, 1, UINT16_MAX, &port))
		return false;
	*out = (uint16_t)port;
	return true;
}

void
conf_web_parse(const char *httpd_conf, struct conf_web *out)
{
	const char *line;
	size_t len;

	for (line = httpd_conf; *line != '\0'; line += len + (line[len] != '\0')) {
		len = strcspn(line, "\n");
		if (!defined(line, len, "httpadminport", &out->http_port))
			defined(line, len, "httpsport", &out->https_port);
	}
}

void
conf_web_read(struct conf_web *out)
{
	char file[PATH_MAX], *text;

	memset(out, 0, sizeof(*out));
	out->http_port = WEB_HTTP_PORT;
	out->https_port = WEB_HTTPS_PORT;
	out->https = path_format(file, sizeof(file), "%s/web/conf/ssl/httpd.webconsolessl.conf", path_safe()) && access(file, F_OK) == 0;
	if (!path_format(file, sizeof(file), "%s/web/conf/httpd.conf", path_safe()) || path_read(file, &text, FILE_MAX) == -1)
		return;
	conf_web_parse(text, out);
	free(text);
}
