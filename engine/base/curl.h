/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * curl.h: libcurl for programs that rarely need it: loaded at first use, as linking it would more than double the time of every
 * safekit command (5 ms to 11) and cost each checkd a megabyte.
 *
 * Called by: wire/webcall.c and those who drive its transfers.  Never does: a transfer.
 */
#ifndef SK_CURL_H
#define SK_CURL_H

#include <curl/curl.h>
#include <stddef.h>

struct curl_fn {
	CURL *(*easy_init)(void);
	void (*easy_cleanup)(CURL *);
	CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
	CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
	const char *(*easy_strerror)(CURLcode);
	CURLM *(*multi_init)(void);
	CURLMcode (*multi_cleanup)(CURLM *);
	CURLMcode (*multi_setopt)(CURLM *, CURLMoption, ...);
	CURLMcode (*multi_add_handle)(CURLM *, CURL *);
	CURLMcode (*multi_remove_handle)(CURLM *, CURL *);
	CURLMcode (*multi_perform)(CURLM *, int *);
	CURLMcode (*multi_poll)(CURLM *, struct curl_waitfd *, unsigned, int, int *);
	CURLMcode (*multi_socket_action)(CURLM *, curl_socket_t, int, int *);
	CURLMcode (*multi_assign)(CURLM *, curl_socket_t, void *);
	CURLMsg *(*multi_info_read)(CURLM *, int *);
	struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
	void (*slist_free_all)(struct curl_slist *);
};

/* The functions, for ever; NULL: err says why libcurl cannot be used.  First call before there are threads. */
const struct curl_fn *curl_load(char *err, size_t errsize);

#endif
