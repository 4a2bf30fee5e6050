# SPDX-License-Identifier: GPL-2.0-or-later
# What an administrator may copy: systemd units and the like, with the folders that configure was given.
safesystemddir = $(safedir)/contrib/systemd
SYSTEMD_MADE = \
	contrib/systemd/safeadmin.service contrib/systemd/safemodules.service contrib/systemd/safeagent.service \
	contrib/systemd/safekit.tmpfiles
nodist_safesystemd_DATA = $(SYSTEMD_MADE)
dist_safesystemd_DATA = contrib/systemd/safekit.sysusers
EXTRA_DIST += $(SYSTEMD_MADE:=.in)
CLEANFILES += $(SYSTEMD_MADE)
$(SYSTEMD_MADE): %: %.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) -e 's|@safedir[@]|$(safedir)|g' -e 's|@safevardir[@]|$(safevardir)|g' $< >$@
