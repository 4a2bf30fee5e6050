/* SPDX-License-Identifier: GPL-2.0-or-later */
/* curl.c: loads libcurl and finds its functions (curl.h says why). */
#include "config.h"
#include "base/base.h"
#include "base/curl.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define CURL_LIBRARY "libcurl.so.4"	/* its ABI since 2006 */

static struct curl_fn fn;
static bool loaded;

static const struct { const char *name; void *to; } functions[] = {
	{ "curl_easy_init", &fn.easy_init }, { "curl_easy_cleanup", &fn.easy_cleanup }, { "curl_easy_setopt", &fn.easy_setopt },
	{ "curl_easy_getinfo", &fn.easy_getinfo }, { "curl_easy_strerror", &fn.easy_strerror }, { "curl_multi_init", &fn.multi_init },
	{ "curl_multi_cleanup", &fn.multi_cleanup }, { "curl_multi_setopt", &fn.multi_setopt },
	{ "curl_multi_add_handle", &fn.multi_add_handle }, { "curl_multi_remove_handle", &fn.multi_remove_handle },
	{ "curl_multi_perform", &fn.multi_perform }, { "curl_multi_poll", &fn.multi_poll },
	{ "curl_multi_socket_action", &fn.multi_socket_action }, { "curl_multi_assign", &fn.multi_assign },
	{ "curl_multi_info_read", &fn.multi_info_read }, { "curl_slist_append", &fn.slist_append },
	{ "curl_slist_free_all", &fn.slist_free_all },
};

const struct curl_fn *
curl_load(char *err, size_t errsize)
{
	CURLcode (*global_init)(long) = NULL;
	void *lib, *f;

	if (loaded)
		return &fn;
	lib = dlopen(CURL_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (lib == NULL) {
		snprintf(err, errsize, "%s (Debian: libcurl4)", dlerror());
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
		if ((f = dlsym(lib, functions[i].name)) == NULL) {
			snprintf(err, errsize, CURL_LIBRARY " has no %s: expected libcurl 7.85 or later", functions[i].name);
			goto fail;
		}
		memcpy(functions[i].to, &f, sizeof(f));	/* ISO C has no cast from an object's pointer to a function's */
	}
	if ((f = dlsym(lib, "curl_global_init")) != NULL)
		memcpy(&global_init, &f, sizeof(f));
	if (global_init == NULL || global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		snprintf(err, errsize, CURL_LIBRARY " cannot be set up");
		goto fail;
	}
	loaded = true;
	return &fn;
fail:
	dlclose(lib);
	return NULL;
}
