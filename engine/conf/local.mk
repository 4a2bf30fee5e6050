# engine/conf: cluster.xml and userconfig.xml -> const struct, or errors with file and line
noinst_LIBRARIES += libconf.a
libconf_a_SOURCES = \
	engine/conf/conf.h engine/conf/xml.h engine/conf/errors.c engine/conf/duration.c engine/conf/xml.c \
	engine/conf/typographic.c engine/conf/attr.c engine/conf/macro.c engine/conf/schema.c engine/conf/cluster.c \
	engine/conf/module.c engine/conf/heart.c engine/conf/check.c engine/conf/errd.c engine/conf/failover.c engine/conf/vhost.c \
	engine/conf/farm.c engine/conf/vip.c engine/conf/vip_check.c engine/conf/rfs.c engine/conf/replicated.c engine/conf/cron.c engine/conf/signature.c \
	engine/conf/folder.h engine/conf/folder.c engine/conf/web.h engine/conf/web.c \
	engine/conf/names.c engine/conf/dynamic.c engine/conf/rows.h engine/conf/rows.c engine/conf/module_json.c engine/conf/check_json.c engine/conf/rfs_json.c
nodist_libconf_a_SOURCES = engine/conf/schemas.c
libconf_a_CPPFLAGS = $(AM_CPPFLAGS) $(XML_CFLAGS) $(JANSSON_CFLAGS) $(CRYPTO_CFLAGS)
CONF_LIBS = libconf.a $(XML_LIBS) $(BASE_LIBS)

# The schemas are installed for editors and reviewers; the library carries its own copy and opens no schema at run time.
CONF_SCHEMAS = engine/conf/cluster.rng engine/conf/userconfig.rng
dist_safeconf_DATA = $(CONF_SCHEMAS)
# The default rules: read when a userconfig.xml is
safeincludedir = $(safeconfdir)/include
dist_safeinclude_DATA = engine/conf/failover.xml
BUILT_SOURCES += engine/conf/schemas.c
CLEANFILES += engine/conf/schemas.c
engine/conf/schemas.c: $(CONF_SCHEMAS) engine/conf/local.mk
	$(AM_V_GEN)$(MKDIR_P) engine/conf && { \
		echo '/* Made from the .rng files by engine/conf/local.mk. */'; \
		echo '#include "config.h"'; \
		echo '#include "conf/xml.h"'; \
		for f in cluster userconfig; do \
			echo "const unsigned char conf_$${f}_rng[] = {"; \
			od -An -v -tx1 "$(srcdir)/engine/conf/$$f.rng" | $(SED) 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g' || exit 1; \
			echo '};'; \
			echo "const size_t conf_$${f}_rng_len = sizeof(conf_$${f}_rng);"; \
		done; \
	} >$@.tmp && mv $@.tmp $@
