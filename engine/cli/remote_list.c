/* SPDX-License-Identifier: GPL-2.0-or-later */
/* remote_list.c: "*", "[https:9500],node1,node2", "http://10.0.0.1:9010" -> addresses (UG 9.1).  Pure. */
#include "config.h"
#include "cli/remote.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SEPARATORS ", \t\r\n"

struct parser {
	const struct conf_cluster *cluster;
	const struct conf_web *web;
	struct remote_list *out;
	bool	 https;			/* for names */
	uint16_t port;
	char	*err;
	size_t	 errsize;
};

static bool PRINTFLIKE(2, 3)
fail(struct parser *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->err, p->errsize, fmt, ap);
	va_end(ap);
	return false;
}

static bool
add(struct parser *p, const char *name, bool https, const char *host, uint16_t port)
{
	struct remote_list *l = p->out;
	struct remote_server *s = &l->at[l->n];
	uint8_t v6[16];
	bool bare6 = inet_pton(AF_INET6, host, v6) == 1;

	if (l->n == REMOTE_MAX)
		return fail(p, "more than %d servers", REMOTE_MAX);
	if (!str_copy(s->name, sizeof(s->name), name) || !path_format(s->url, sizeof(s->url), "http%s://%s%s%s:%u", https ? "s" : "",
	    bare6 ? "[" : "", host, bare6 ? "]" : "", port))
		return fail(p, "\"%.80s\": the address is too long", host);
	for (int i = 0; i < l->n; i++)
		if (strcmp(l->at[i].url, s->url) == 0)
			return fail(p, "%s twice (%s): expected each server once", name[0] != '\0' ? name : s->url, s->url);
	l->n++;
	return true;
}

/* ---- words ---- */

/* The lan that administrators use: the first with console on, which has all nodes (UG 12.1: the admin lan) */
static const struct conf_lan *
admin_lan(const struct conf_cluster *c)
{
	for (int i = 0; i < c->lans_count; i++)
		if (c->lans[i].console)
			return &c->lans[i];
	for (int i = 0; i < c->lans_count; i++)
		if (c->lans[i].command)
			return &c->lans[i];
	return c->lans_count > 0 ? &c->lans[0] : NULL;
}

static const struct conf_lan_node *
place(const struct conf_lan *lan, int node)
{
	for (int i = 0; i < lan->count; i++)
		if (lan->at[i].node == node)
			return &lan->at[i];
	return NULL;
}

static bool
add_node(struct parser *p, int node)
{
	const struct conf_cluster *c = p->cluster;
	const struct conf_lan_node *at = place(admin_lan(c), node);

	for (int i = 0; at == NULL && i < c->lans_count; i++)	/* not in the admin lan, where console="off" everywhere */
		at = place(&c->lans[i], node);
	return at == NULL || add(p, c->nodes[node], p->https, at->addr, p->port);
}

static bool
take_name(struct parser *p, const char *word)
{
	const struct conf_cluster *c = p->cluster;
	char list[400] = "";

	if (c == NULL || c->nodes_count == 0 || c->lans_count == 0)
		return fail(p, "\"%.80s\": this server has no cluster configuration: expected urls as http://10.0.0.1:9010", word);
	if (strcmp(word, "*") == 0) {
		for (int i = 0; i < c->nodes_count; i++)
			if (!add_node(p, i))
				return false;
		return true;
	}
	for (int i = 0; i < c->nodes_count; i++)
		if (strcmp(c->nodes[i], word) == 0)
			return add_node(p, i);
	for (int i = 0; i < c->nodes_count; i++) {
		size_t at = strlen(list);

		snprintf(list + at, sizeof(list) - at, "%s%s", i > 0 ? ", " : "", c->nodes[i]);
	}
	return fail(p, "\"%.80s\": expected a url as http://10.0.0.1:9010, \"*\", or a node of cluster.xml: %s", word, list);
}

static bool
take_protocol(struct parser *p, const char *word, bool *https, const char **rest)
{
	if (strncmp(word, "https", 5) == 0 && !isalpha((unsigned char)word[5])) {
		*https = true;
		*rest = word + 5;
	} else if (strncmp(word, "http", 4) == 0 && !isalpha((unsigned char)word[4])) {
		*https = false;
		*rest = word + 4;
	} else {
		return fail(p, "\"%.80s\": expected the protocol http or https", word);
	}
	return true;
}

static uint16_t
default_port(const struct parser *p, bool https)
{
	return https ? p->web->https_port : p->web->http_port;
}

/* [protocol], [protocol:port]: for the names that follow */
static bool
take_override(struct parser *p, const char *word)
{
	char inside[40];
	const char *rest;
	uint64_t port;
	size_t n = strlen(word);

	if (n < 3 || word[n - 1] != ']' || !path_format(inside, sizeof(inside), "%.*s", (int)n - 2, word + 1))
		return fail(p, "\"%.80s\": expected [http], [https] or as [https:9500]", word);
	if (!take_protocol(p, inside, &p->https, &rest))
		return false;
	p->port = default_port(p, p->https);
	if (*rest == '\0')
		return true;
	if (*rest != ':' || !str_to_u64(rest + 1, 1, UINT16_MAX, &port))
		return fail(p, "\"%.80s\": expected a port, 1 to 65535, after the colon", word);
	p->port = (uint16_t)port;
	return true;
}

/* http[s]://host[:port][/] */
static bool
take_url(struct parser *p, const char *word)
{
	char host[256];
	const char *at, *end;
	uint64_t port;
	uint8_t v6[16];
	bool https, six;
	size_t n;

	if (!take_protocol(p, word, &https, &at))
		return false;
	if (strncmp(at, "://", 3) != 0)
		return fail(p, "\"%.80s\": expected a url as http://10.0.0.1:9010", word);
	at += 3;
	port = default_port(p, https);
	six = *at == '[';
	end = six ? strchr(at, ']') : at + strcspn(at, ":/");
	if (end == NULL || !path_format(host, sizeof(host), "%.*s", (int)(end - at) - six, at + six))
		return fail(p, "\"%.80s\": expected an address after ://", word);
	n = strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
	if (host[0] == '\0' || (six ? inet_pton(AF_INET6, host, v6) != 1 : host[n] != '\0'))
		return fail(p, "\"%.80s\": expected an IPv4 address, [IPv6 address] or host name after ://", word);
	end += six;
	if (*end == ':') {
		char digits[8];

		n = strspn(end + 1, "0123456789");
		if (!path_format(digits, sizeof(digits), "%.*s", (int)n, end + 1) || !str_to_u64(digits, 1, UINT16_MAX, &port))
			return fail(p, "\"%.80s\": expected a port, 1 to 65535, after the colon", word);
		end += 1 + n;
	}
	if (strcmp(end, "") != 0 && strcmp(end, "/") != 0)
		return fail(p, "\"%.80s\": expected nothing behind the port", word);
	return add(p, "", https, host, (uint16_t)port);
}

bool
remote_list_parse(const char *text, const struct conf_cluster *cluster, const struct conf_web *web, struct remote_list *out,
    char *err, size_t errsize)
{
	struct parser p = { .cluster = cluster, .web = web, .out = out, .https = web->https, .err = err, .errsize = errsize };
	char word[WEBCALL_URL_MAX];
	size_t n;

	out->n = 0;
	p.port = default_port(&p, p.https);
	for (text += strspn(text, SEPARATORS); *text != '\0'; text += n, text += strspn(text, SEPARATORS)) {
		n = *text == '#' ? strcspn(text, "\n") : strcspn(text, SEPARATORS);
		if (*text == '#')
			continue;
		if (!path_format(word, sizeof(word), "%.*s", (int)n, text))
			return fail(&p, "\"%.80s\": too long for an address", text);
		if (!(word[0] == '[' ? take_override(&p, word) : strstr(word, "://") != NULL ? take_url(&p, word) : take_name(&p, word)))
			return false;
	}
	if (out->n == 0)
		return fail(&p, "no server in the list: expected \"*\", nodes of cluster.xml or urls as http://10.0.0.1:9010");
	return true;
}
