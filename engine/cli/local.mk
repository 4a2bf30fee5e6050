# engine/cli: the command safekit, the special commands of scripts, the templates of modules

# the environment of scripts, shared with heart
noinst_LIBRARIES += libscript.a
libscript_a_SOURCES = engine/act/script_env.h engine/act/script_env.c
libscript_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
SCRIPT_LIBS = libscript.a $(BASE_LIBS)

noinst_LIBRARIES += libcli.a
libcli_a_SOURCES = \
	engine/cli/cli.h engine/cli/cli.c engine/cli/parse.c engine/cli/verbs.c engine/cli/help.c engine/cli/show.c \
	engine/cli/cmdlog.c engine/cli/tree.c engine/cli/zip.c engine/cli/script.c engine/cli/modules.c \
	engine/cli/cli_control.c engine/cli/cli_state.c engine/cli/cli_log.c engine/cli/cli_module.c \
	engine/cli/cli_config.c engine/cli/cli_cluster.c engine/cli/cli_misc.c engine/cli/cli_service.c engine/cli/cli_explain.c \
	engine/cli/cli_keep.c engine/cli/cli_files.c engine/cli/cli_key.c engine/cli/wrapper.c engine/cli/rules_check.c engine/cli/exec_check.c \
	engine/cli/networks.c engine/cli/replicated.c engine/cli/cli_rfs.c \
	engine/cli/redact.h engine/cli/redact.c engine/cli/dump.h engine/cli/cli_dump.c engine/cli/dump_commands.c \
	engine/cli/plist.h engine/cli/plist.c engine/cli/cli_proc.c engine/cli/vhost.c engine/cli/firewall.c \
	engine/cli/remote.h engine/cli/remote_list.c engine/cli/remote_run.c engine/cli/cli_remote.c engine/cli/cli_deploy.c engine/cli/cli_receive.c
libcli_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(CRYPTO_CFLAGS) $(ZIP_CFLAGS) $(CURL_CFLAGS)
CLI_LIBS = libcli.a librules.a libscript.a libsafekit.a libwebcall.a libwire.a $(CONF_LIBS) $(ZIP_LIBS)

safe_PROGRAMS += safekit
safekit_SOURCES = engine/cli/main.c
safekit_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
safekit_LDADD = $(CLI_LIBS)

safebin_PROGRAMS += boundcmd
boundcmd_SOURCES = engine/cli/boundcmd.c
boundcmd_LDADD = libbase.a
safebin_PROGRAMS += processtree errdpoll_running gencron
processtree_SOURCES = engine/cli/processtree.c engine/cli/plist.h engine/cli/plist.c
processtree_LDADD = libbase.a
errdpoll_running_SOURCES = engine/cli/errdpoll_running.c engine/cli/plist.h engine/cli/plist.c
errdpoll_running_LDADD = libbase.a
gencron_SOURCES = engine/cli/gencron.c
gencron_LDADD = libbase.a
safebin_PROGRAMS += flatlogdump
flatlogdump_SOURCES = engine/cli/flatlogdump.c
flatlogdump_CPPFLAGS = $(AM_CPPFLAGS) $(XML_CFLAGS)
flatlogdump_LDADD = $(XML_LIBS) libbase.a

# made by the program from its own table
nodist_safeman8_DATA = safekit.8
safekit.8: safekit$(EXEEXT)
	$(AM_V_GEN)./safekit$(EXEEXT) --man >$@.tmp && mv $@.tmp $@
safecompletiondir = $(safedir)/completion
nodist_safecompletion_DATA = contrib/completion/safekit
contrib/completion/safekit: safekit$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) contrib/completion && ./safekit$(EXEEXT) --completion >$@.tmp && mv $@.tmp $@

# SAFE/Application_Modules/*.safe, packed by the program itself: the template's folder, and what it shares with others (common)
TEMPLATES = mirror farm light leader follower softerrd customchecker vhost postgresql nginx_farm
SHARED_ALL = prestart poststop
SHARED_SERVICES = services.sh config confcheck deconfig
SHARED_mirror = $(SHARED_SERVICES)
SHARED_farm = $(SHARED_SERVICES) start_both stop_both
SHARED_follower = $(SHARED_SERVICES) start_both stop_both
MODULE_FILES = \
	common/prestart common/poststop common/services.sh common/config common/confcheck common/deconfig common/start_both common/stop_both \
	mirror/conf/userconfig.xml mirror/bin/start_prim mirror/bin/stop_prim \
	farm/conf/userconfig.xml \
	light/conf/userconfig.xml light/bin/start_both light/bin/stop_both \
	leader/conf/userconfig.xml leader/bin/start_prim leader/bin/stop_prim \
	follower/conf/userconfig.xml \
	softerrd/conf/userconfig.xml softerrd/bin/start_prim softerrd/bin/stop_prim softerrd/bin/start_second softerrd/bin/stop_second \
	softerrd/bin/mybin softerrd/bin/myotherbin softerrd/bin/myappli softerrd/bin/restart_myappli \
	customchecker/conf/userconfig.xml customchecker/bin/start_prim customchecker/bin/stop_prim customchecker/bin/checker \
	vhost/conf/userconfig.xml vhost/bin/start_prim vhost/bin/stop_prim \
	postgresql/conf/userconfig.xml postgresql/bin/postgres.sh postgresql/bin/config postgresql/bin/confcheck \
	postgresql/bin/start_prim postgresql/bin/stop_prim \
	nginx_farm/conf/userconfig.xml nginx_farm/bin/nginx.sh nginx_farm/bin/nginx.conf.in nginx_farm/bin/config \
	nginx_farm/bin/confcheck nginx_farm/bin/start_both nginx_farm/bin/stop_both
safeappdir = $(safedir)/Application_Modules
TEMPLATE_FILES = $(TEMPLATES:=.safe)
nodist_safeapp_DATA = $(TEMPLATE_FILES)
# names, not folders, from the list: nothing that lies about in a work tree gets into a template
$(TEMPLATE_FILES): %.safe: safekit$(EXEEXT) $(addprefix engine/modules/,$(MODULE_FILES))
	$(AM_V_GEN)rm -rf templates/$* && $(MKDIR_P) templates/$*/bin templates/$*/conf && \
	for f in $(patsubst $*/%,%,$(filter $*/%,$(MODULE_FILES))); do \
		cp -p $(srcdir)/engine/modules/$*/$$f templates/$*/$$f || exit 1; done && \
	for f in $(SHARED_ALL) $(SHARED_$*); do cp -p $(srcdir)/engine/modules/common/$$f templates/$*/bin/$$f || exit 1; done && \
	./safekit$(EXEEXT) --pack templates/$* $@ && rm -rf templates/$*
EXTRA_DIST += $(addprefix engine/modules/,$(MODULE_FILES))
CLEANFILES += safekit.8 contrib/completion/safekit $(TEMPLATE_FILES)
