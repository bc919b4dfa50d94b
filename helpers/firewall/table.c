/* table.c - every rule there is, in the words of nft(8).
 *
 * table_make puts in the engine's own name and numbers of policy, no word from a request. libnftables is there only
 * while it reads them: with its own libraries it would be most of this program's memory, and what a request meets. */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/log.h"
#include "../base/text.h"
#include "firewall.h"

/* %1: table; most there may be of %2 networks, %3 ports, %4 endpoints, %5 their addresses. */
static const char rules[] =
	"add table inet %1$s\n"
	"flush table inet %1$s\n" /* rules; elements stay */
	"table inet %1$s {\n"
	"	set bridges { type ifname; size %2$u; }\n"
	"	set internal { type ifname; size %2$u; }\n"
	"	set masquerade4 { type ifname; size %2$u; }\n"
	"	set masquerade6 { type ifname; size %2$u; }\n"
	"	set same { type ifname . ifname; size %2$u; }\n" /* each bridge with itself */
	/* Ports of one of the host's addresses, and of any. */
	"	map one4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; size %3$u; }\n"
	"	map any4 { type inet_proto . inet_service : ipv4_addr . inet_service; size %3$u; }\n"
	"	map one6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; size %3$u; }\n"
	"	map any6 { type inet_proto . inet_service : ipv6_addr . inet_service; size %3$u; }\n"
	/* Bridges route 127.0.0.0/8, for the host's own clients of published ports: nobody else may. */
	"	chain early {\n"
	"		type filter hook prerouting priority raw;\n"
	"		ip daddr 127.0.0.0/8 iifname @bridges drop\n"
	"	}\n"
	"	chain published {\n"
	"		dnat ip to ip daddr . meta l4proto . th dport map @one4\n"
	"		dnat ip to meta l4proto . th dport map @any4\n"
	"		dnat ip6 to ip6 daddr . meta l4proto . th dport map @one6\n"
	"		dnat ip6 to meta l4proto . th dport map @any6\n"
	"	}\n"
	"	chain nat_in {\n"
	"		type nat hook prerouting priority dstnat;\n"
	"		fib daddr type local jump published\n"
	"	}\n"
	"	chain nat_own {\n"
	"		type nat hook output priority -100;\n"
	"		fib daddr type local jump published\n"
	"	}\n"
	"	chain nat_out {\n"
	"		type nat hook postrouting priority srcnat;\n"
	/* To itself by way of the host: the answer must come back this way, too. */
	"		ct status dnat iifname . oifname @same masquerade\n"
	/* The same where br_netfilter has the bridge lead it back: from no interface then, and not from the host. */
	"		meta iif 0 oifname @bridges ct status dnat fib saddr type != local masquerade\n"
	"		oifname @bridges ip saddr 127.0.0.0/8 masquerade\n"
	"		meta nfproto ipv4 iifname @masquerade4 oifname != @bridges masquerade\n"
	"		meta nfproto ipv6 iifname @masquerade6 oifname != @bridges masquerade\n"
	"	}\n"
	"	chain pass {\n"
	"		type filter hook forward priority filter;\n"
	"		iifname . oifname @same accept\n"
	"		iifname @internal drop\n"
	"		oifname @internal drop\n"
	"		ct state established,related accept\n"
	"		oifname @bridges ct status dnat accept\n"
	"		oifname @bridges drop\n"
	"	}\n"
	"}\n"
	"add table bridge %1$s\n"
	"flush table bridge %1$s\n"
	"table bridge %1$s {\n"
	"	set ends { type ifname; size %4$u; }\n"
	"	set own4 { type ifname . ether_addr . ipv4_addr; size %5$u; }\n"
	"	set own6 { type ifname . ether_addr . ipv6_addr; size %5$u; }\n"
	/* The same as own6, for the address that a neighbour advertisement is about. */
	"	set told6 { typeof iifname . ether saddr . @th,64,128; size %5$u; }\n"
	"	chain own {\n"
	"		type filter hook prerouting priority -300;\n"
	/* What nearly every packet is comes first. */
	"		ether type ip iifname . ether saddr . ip saddr @own4 accept\n"
	"		iifname != @ends accept\n"
	"		ether type arp iifname . arp saddr ether . arp saddr ip @own4 accept\n"
	"		ether type ip6 icmpv6 type nd-neighbor-advert iifname . ether saddr . @th,64,128 != @told6 "
	"drop\n"
	"		ether type ip6 iifname . ether saddr . ip6 saddr @own6 accept\n"
	/* Before it has an address: is somebody using it? */
	"		ether type ip6 ip6 saddr :: meta l4proto icmpv6 accept\n"
	"		drop\n"
	"	}\n"
	"}\n";

#define NFT(name) __typeof__(&(name)) name##_ = (__typeof__(&(name)))dlsym(lib, #name)

static int run_in(void *lib, const char *text)
{
	NFT(nft_ctx_new);
	NFT(nft_ctx_buffer_error);
	NFT(nft_run_cmd_from_buffer);
	NFT(nft_ctx_get_error_buffer);
	NFT(nft_ctx_free);
	struct nft_ctx *c;
	int r;

	if (!nft_ctx_new_ || !nft_ctx_buffer_error_ || !nft_run_cmd_from_buffer_ || !nft_ctx_get_error_buffer_ ||
	    !nft_ctx_free_)
		return -ELIBBAD;
	c = nft_ctx_new_(NFT_CTX_DEFAULT);
	if (!c)
		return -ENOMEM;
	nft_ctx_buffer_error_(c);
	errno = 0;
	r = nft_run_cmd_from_buffer_(c, text);
	if (r != 0) {
		const char *why = nft_ctx_get_error_buffer_(c);

		log_error("nftables: %.*s", (int)strcspn(why, "\n"), why);
		r = errno ? -errno : -EOPNOTSUPP;
	}
	nft_ctx_free_(c);
	return r;
}

static int run(const char *text)
{
	void *lib = dlopen("libnftables.so.1", RTLD_NOW | RTLD_LOCAL);
	int r;

	if (!lib) {
		log_error("%s", dlerror());
		return -ELIBACC;
	}
	r = run_in(lib, text);
	dlclose(lib);
	malloc_trim(0); /* a megabyte that is not needed again */
	return r;
}

int table_make(const struct policy_firewall *policy, const char *table)
{
	/* A size of 0 would be none at all. */
	unsigned networks = policy->max_networks + 1, ports = policy->max_ports + 1, ends = policy->max_endpoints + 1;
	_cleanup_free_ char *text = NULL;

	if (asprintf(&text, rules, table, networks, ports, ends, 4 * ends) < 0)
		return -ENOMEM;
	return run(text);
}

int table_delete(const char *table)
{
	char text[256];
	int r = text_format(text, sizeof(text),
			    "add table inet %s\ndelete table inet %s\nadd table bridge %s\ndelete table bridge %s\n",
			    table, table, table, table);

	return r < 0 ? r : run(text);
}
