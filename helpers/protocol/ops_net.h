/* ops_net.h - the part of the op table that is about networks: see ops.h, which includes this.
 *
 * Addresses are numbers in host byte order: version 4 in one, version 6 in two (hi: the first 8 bytes). A prefix of 0
 * bits with address 0 means none. MAC addresses are the low 48 bits.
 *
 * No op takes a client's rights: after a restart the controller makes again what running containers had, on nobody's
 * behalf. What may be is policy's subnets, names, ports and numbers. */
#ifndef POSTERN_PROTOCOL_OPS_NET_H
#define POSTERN_PROTOCOL_OPS_NET_H

enum { IFNAME_MAX = 15, MTU_MAX = 65535, PORTS_PER_CALL = 64, ADDRESSES_MAX = 8 };

#define ADDRESS4(F, S, name) F(S, U32, name, 0, UINT32_MAX) F(S, U32, name##_bits, 0, 32)
#define ADDRESS6(F, S, name) \
	F(S, U64, name##_hi, 0, UINT64_MAX) F(S, U64, name##_lo, 0, UINT64_MAX) F(S, U32, name##_bits, 0, 128)

/* --- veth ---------------------------------------------------------------------------------------------------- */
#define OPS_VETH(OP)                                                                                             \
	OP(veth, VETH, bridge, BRIDGE, ACQUIRE, NONE,                                                             \
	   "makes a bridge of the engine's, or gives one the addresses and MTU that it should have")             \
	OP(veth, VETH, unbridge, UNBRIDGE, RELEASE, NONE, "removes a bridge of the engine's")                    \
	OP(veth, VETH, attach, ATTACH, ACQUIRE, NONE,                                                            \
	   "joins a container's network namespace to a bridge by a veth pair, locked to one MAC address")        \
	OP(veth, VETH, detach, DETACH, RELEASE, NONE, "removes a veth pair of the engine's")
#define REQ_veth_bridge(F, S)                                                                                    \
	F(S, NAME, bridge, 1, IFNAME_MAX)                                                                        \
	F(S, U32, mtu, 0, MTU_MAX) /* 0: as the kernel does */                                                   \
	ADDRESS4(F, S, gateway4) /* the bridge's own address and its subnet */                                   \
	ADDRESS6(F, S, gateway6)
#define REP_veth_bridge(F, S)
#define REQ_veth_unbridge(F, S) F(S, NAME, bridge, 1, IFNAME_MAX)
#define REP_veth_unbridge(F, S)
#define REQ_veth_attach(F, S)                                                                                    \
	F(S, NAME, bridge, 1, IFNAME_MAX)                                                                        \
	F(S, NAME, host, 1, IFNAME_MAX) /* of the bridge's end: chosen by who asks, written down before */       \
	F(S, NAME, name, 1, IFNAME_MAX) /* inside: "eth0" */                                                     \
	F(S, U64, mac, 1, 0xffffffffffff)                                                                        \
	F(S, U32, mtu, 0, MTU_MAX)                                                                               \
	F(S, U32, isolated, 0, 1) /* reaches the bridge's own addresses and what lies behind, not its neighbours */ \
	F(S, FD, userns, FDK_USERNS, REQUIRED) /* owner of the next, and itself made by netns: both proven */    \
	F(S, FD, netns, FDK_NETNS, REQUIRED)
#define REP_veth_attach(F, S)
#define REQ_veth_detach(F, S) F(S, NAME, host, 1, IFNAME_MAX)
#define REP_veth_detach(F, S)

/* --- firewall ------------------------------------------------------------------------------------------------ */
enum { NET_MASQUERADE4 = 1, NET_MASQUERADE6 = 2, NET_INTERNAL = 4, NET_FLAGS = 7 };
#define OPS_FIREWALL(OP)                                                                                         \
	OP(firewall, FIREWALL, network, NETWORK, ACQUIRE, NONE,                                                   \
	   "lets a bridge's subnets out and keeps other networks away from it")                                  \
	OP(firewall, FIREWALL, unnetwork, UNNETWORK, RELEASE, NONE, "forgets a bridge")                          \
	OP(firewall, FIREWALL, endpoint, ENDPOINT, ACQUIRE, NONE,                                                \
	   "lets one veth send with its own MAC and addresses only")                                             \
	OP(firewall, FIREWALL, unendpoint, UNENDPOINT, RELEASE, NONE, "forgets an endpoint")                     \
	OP(firewall, FIREWALL, publish, PUBLISH, ACQUIRE, NONE,                                                  \
	   "forwards ports of the host to a container's, all or none") \
	OP(firewall, FIREWALL, unpublish, UNPUBLISH, RELEASE, NONE, "stops forwarding ports")                    \
	OP(firewall, FIREWALL, list, LIST, QUERY, NONE, "ports that are forwarded")                              \
	OP(firewall, FIREWALL, endpoints, ENDPOINTS, QUERY, NONE, "veths that have their addresses pinned")
#define REQ_firewall_network(F, S)                                                                               \
	F(S, NAME, bridge, 1, IFNAME_MAX)                                                                        \
	F(S, U32, flags, 0, NET_FLAGS)
#define REP_firewall_network(F, S)
#define REQ_firewall_unnetwork(F, S) F(S, NAME, bridge, 1, IFNAME_MAX)
#define REP_firewall_unnetwork(F, S)
#define ENDPOINT_FIELDS(F, S)                                                                                    \
	F(S, NAME, host, 1, IFNAME_MAX) /* of veth ATTACH */                                                     \
	F(S, U64, mac, 1, 0xffffffffffff)                                                                        \
	F(S, U32S, addresses4, 0, ADDRESSES_MAX)                                                                 \
	F(S, U64S, addresses6, 0, 2 * ADDRESSES_MAX) /* two numbers each; that which the MAC makes need not be told */
#define REQ_firewall_endpoint(F, S) ENDPOINT_FIELDS(F, S)
#define REP_firewall_endpoint(F, S)
#define REQ_firewall_unendpoint(F, S) ENDPOINT_FIELDS(F, S) /* as told before; without addresses: all of that veth */
#define REP_firewall_unendpoint(F, S)
/* A port is five numbers: protocol << 32 | host port << 16 | container port; host address hi, lo; container address hi,
 * lo. Version 4 addresses as ::ffff:a.b.c.d; host address :: and ::ffff:0.0.0.0 are every address of the host of that
 * version. */
enum { PORT_NUMBERS = 5 };
#define REQ_firewall_publish(F, S) F(S, U64S, ports, PORT_NUMBERS, PORT_NUMBERS *PORTS_PER_CALL)
#define REP_firewall_publish(F, S)
#define REQ_firewall_unpublish(F, S) F(S, U64S, ports, PORT_NUMBERS, PORT_NUMBERS *PORTS_PER_CALL)
#define REP_firewall_unpublish(F, S)
#define REQ_firewall_list(F, S) F(S, U32, skip, 0, UINT32_MAX)
#define REP_firewall_list(F, S) F(S, U64S, ports, 0, PORT_NUMBERS *PORTS_PER_CALL)
#define REQ_firewall_endpoints(F, S) F(S, U32, skip, 0, UINT32_MAX)
#define REP_firewall_endpoints(F, S) F(S, TEXT, hosts, 0, 2048) /* separated by blanks */

/* --- netns, beside CREATE ------------------------------------------------------------------------------------ */
#define OPS_NETNS_NET(OP)                                                                                        \
	OP(netns, NETNS, configure, CONFIGURE, ACQUIRE, NONE,                                                    \
	   "gives an interface inside a container its addresses and routes and sets it up")
#define OPS_NETNS_RESOLVER(OP)                                                                                   \
	OP(netns, NETNS, resolver, RESOLVER, ACQUIRE, NONE,                                                      \
	   "makes sockets at 127.0.0.11 inside a container, to which its port 53 leads")
#define REQ_netns_configure(F, S)                                                                                \
	F(S, NAME, name, 1, IFNAME_MAX)                                                                          \
	ADDRESS4(F, S, address4)                                                                                 \
	ADDRESS6(F, S, address6)                                                                                 \
	F(S, U32S, linklocal4, 0, ADDRESSES_MAX) /* further addresses, as Docker's --link-local-ip */            \
	F(S, U32, gateway4, 0, UINT32_MAX) /* of the default route; 0: none through this interface */            \
	F(S, U64, gateway6_hi, 0, UINT64_MAX)                                                                    \
	F(S, U64, gateway6_lo, 0, UINT64_MAX)                                                                    \
	F(S, U32, down, 0, 1) /* take its default routes away instead */                                         \
	F(S, FD, userns, FDK_USERNS, REQUIRED)                                                                   \
	F(S, FD, netns, FDK_NETNS, REQUIRED)
#define REP_netns_configure(F, S)
#define REQ_netns_resolver(F, S) F(S, FD, userns, FDK_USERNS, REQUIRED) F(S, FD, netns, FDK_NETNS, REQUIRED)
#define REP_netns_resolver(F, S) F(S, FD, udp, FDK_INET, REQUIRED) F(S, FD, tcp, FDK_INET, REQUIRED)

#endif
