# vipd: virtual addresses, the farm, the filter as seen from user space.

# libfarm: who serves what (pure), shared by vipd and the simulation
noinst_LIBRARIES += libfarm.a
libfarm_a_SOURCES = engine/vip/assign.h engine/vip/assign.c engine/vip/farm.h engine/vip/farm_impl.h engine/vip/farm.c engine/vip/farm_info.c \
	engine/vip/farm_node.h engine/vip/farm_node.c
FARM_LIBS = libfarm.a $(CLUSTER_LIBS)

# for programs that use libuv and engine/cluster/link.c
FARM_NET_SOURCES = engine/vip/farm_net.h engine/vip/farm_net.c
