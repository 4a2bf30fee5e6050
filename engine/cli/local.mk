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
	engine/cli/cli_config.c engine/cli/cli_cluster.c engine/cli/cli_misc.c \
	engine/cli/plist.h engine/cli/plist.c engine/cli/cli_proc.c
libcli_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(CRYPTO_CFLAGS) $(ZIP_CFLAGS)
CLI_LIBS = libcli.a libscript.a libsafekit.a $(CONF_LIBS) $(ZIP_LIBS)

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

# made by the program from its own table
nodist_safeman8_DATA = safekit.8
safekit.8: safekit$(EXEEXT)
	$(AM_V_GEN)./safekit$(EXEEXT) --man >$@.tmp && mv $@.tmp $@
safecompletiondir = $(safedir)/completion
nodist_safecompletion_DATA = contrib/completion/safekit
contrib/completion/safekit: safekit$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) contrib/completion && ./safekit$(EXEEXT) --completion >$@.tmp && mv $@.tmp $@

# SAFE/Application_Modules/*.safe, packed by the program itself
MODULE_FILES = \
	engine/modules/mirror/conf/userconfig.xml engine/modules/mirror/bin/prestart engine/modules/mirror/bin/start_prim \
	engine/modules/mirror/bin/stop_prim engine/modules/mirror/bin/poststop \
	engine/modules/light/conf/userconfig.xml engine/modules/light/bin/prestart engine/modules/light/bin/start_both \
	engine/modules/light/bin/stop_both engine/modules/light/bin/poststop
safeappdir = $(safedir)/Application_Modules
nodist_safeapp_DATA = mirror.safe light.safe
mirror.safe light.safe: safekit$(EXEEXT) $(MODULE_FILES)
	$(AM_V_GEN)./safekit$(EXEEXT) --pack $(srcdir)/engine/modules/$(@:.safe=) $@
EXTRA_DIST += $(MODULE_FILES)
CLEANFILES += safekit.8 contrib/completion/safekit mirror.safe light.safe
