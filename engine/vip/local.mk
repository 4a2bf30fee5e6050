# vipd: virtual addresses, the farm, the filter as seen from user space.
# libfarm: who serves what (pure), shared by vipd and the simulation
noinst_LIBRARIES += libfarm.a
libfarm_a_SOURCES = engine/vip/assign.h engine/vip/assign.c engine/vip/farm.h engine/vip/farm_impl.h engine/vip/farm.c engine/vip/farm_info.c \
	engine/vip/farm_node.h engine/vip/farm_node.c
FARM_LIBS = libfarm.a $(CLUSTER_LIBS)

# for programs that use libuv and engine/cluster/link.c
FARM_NET_SOURCES = engine/vip/farm_net.h engine/vip/farm_net.c

noinst_LIBRARIES += libvip.a
libvip_a_SOURCES = \
	engine/vip/ip.h engine/vip/ip.c engine/vip/addr.h engine/vip/addr.c engine/vip/announce.h engine/vip/announce.c \
	engine/vip/sockets.h engine/vip/sockets.c engine/vip/carrier.h engine/vip/carrier.c engine/vip/resolve.h engine/vip/resolve.c engine/vip/left.h engine/vip/left.c \
	engine/vip/setup.h engine/vip/setup.c engine/vip/vipd.h engine/vip/impl.h engine/vip/want.c engine/vip/place.c engine/vip/face.c \
	engine/vip/keep.c engine/vip/load.c engine/vip/bitmap.h engine/vip/bitmap.c engine/vip/count.c engine/vip/once.c engine/wire/vipline.h \
	$(FARM_NET_SOURCES)
libvip_a_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(JANSSON_CFLAGS) $(MNL_CFLAGS) $(CRYPTO_CFLAGS)
# libconf without libxml2: the run form is JSON
VIP_LIBS = libvip.a $(FILTER_LIBS) libfarm.a libconf.a libcluster.a libwire.a libbase.a $(MNL_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS) $(UV_LIBS)

safebin_PROGRAMS += vipd
vipd_SOURCES = engine/vipd.c engine/base/talk.h engine/base/talk.c engine/cluster/link.h engine/cluster/link.c
vipd_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(JANSSON_CFLAGS)
vipd_LDADD = $(VIP_LIBS)
safebin_PROGRAMS += vip_if_ctrl
vip_if_ctrl_SOURCES = engine/vip/vip_if_ctrl.c
vip_if_ctrl_LDADD = $(VIP_LIBS)
dist_safeman8_DATA += engine/vipd.8
