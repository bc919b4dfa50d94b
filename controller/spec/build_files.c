/* build_files.c - /etc/hosts, /etc/hostname, /etc/resolv.conf of a container: small texts that go along as annotations
 * and that the init writes to a tmpfs of its own. What goes into them was checked by check_names and check_config. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "internal.h"

static const char localhost[] = "127.0.0.1\tlocalhost\n"
				"::1\tlocalhost ip6-localhost ip6-loopback\n"
				"fe00::\tip6-localnet\n"
				"ff00::\tip6-mcastprefix\n"
				"ff02::1\tip6-allnodes\n"
				"ff02::2\tip6-allrouters\n";

static void write_hosts(FILE *f, const cJSON *host, const cJSON *config, const char *hostname, const char *networks)
{
	const char *domain = get_text(config, "Domainname"), *mode = get_text(host, "NetworkMode");
	const bool hosts = !strcmp(mode, "host");
	const cJSON *e;

	fputs(localhost, f);
	cJSON_ArrayForEach(e, json_get(host, "ExtraHosts")) {
		const char *ip = strchr(e->valuestring, ':');

		/* In the host's own network that is itself; in others networks have said it. */
		if (ip && (hosts || strcmp(ip + 1, "host-gateway") != 0))
			fprintf(f, "%s\t%.*s\n", strcmp(ip + 1, "host-gateway") ? ip + 1 : "127.0.0.1",
				(int)(ip - e->valuestring), e->valuestring);
	}
	if (networks) {
		fputs(networks, f);
		return;
	}
	/* With --network none, or host, Docker writes no line for the container. Else it has an address; here that is
	 * loopback. */
	if (hosts || !strcmp(mode, "none"))
		return;
	if (domain[0])
		fprintf(f, "127.0.0.1\t%s.%s %s\n", hostname, domain, hostname);
	else
		fprintf(f, "127.0.0.1\t%s\n", hostname);
}

static void write_list(FILE *f, const char *word, const cJSON *list)
{
	const cJSON *e;

	if (!list || !list->child)
		return;
	fputs(word, f);
	cJSON_ArrayForEach(e, list) {
		fprintf(f, " %s", e->valuestring);
	}
	fputc('\n', f);
}

static void write_resolv(FILE *f, const cJSON *host)
{
	const cJSON *e;

	/* No address but loopback can be reached, so the host's servers would only make programs wait. */
	if (!get_size(host, "Dns"))
		fputs("# No name server: this container has the loopback network only.\n", f);
	cJSON_ArrayForEach(e, json_get(host, "Dns")) {
		fprintf(f, "nameserver %s\n", e->valuestring);
	}
	write_list(f, "search", json_get(host, "DnsSearch"));
	write_list(f, "options", json_get(host, "DnsOptions"));
}

/* A mount of the user's at that place is what counts. */
static bool replaced(const struct spec_mounts *m, const char *path)
{
	size_t i;

	for (i = 0; m && i < m->n; i++)
		if (!strcmp(m->v[i].target, path))
			return true;
	return false;
}

int build_files(cJSON *annotations, const struct spec_input *in, const char *hostname, struct err *err)
{
	static const char *const paths[] = { "/etc/hostname", "/etc/hosts", "/etc/resolv.conf" };
	const cJSON *of = in->network_of ? in->network_of : in->merged;
	const cJSON *config = json_get(of, "Config"), *host = json_get(of, "HostConfig");
	char name[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		_cleanup_free_ char *text = NULL;
		size_t size;
		FILE *f;

		if (replaced(in->mounts, paths[i]))
			continue;
		f = open_memstream(&text, &size);
		if (!f)
			return err_set(err, 500, "out of memory");
		if (i == 0)
			fprintf(f, "%s\n", hostname);
		else if (i == 1 && in->host_hosts && !get_size(host, "ExtraHosts"))
			fputs(in->host_hosts, f);
		else if (i == 1)
			write_hosts(f, host, config, hostname, in->net_hosts);
		else if (in->net_resolv)
			fputs(in->net_resolv, f);
		else if (in->host_resolv && !get_size(host, "Dns"))
			fputs(in->host_resolv, f);
		else
			write_resolv(f, host);
		if (fclose(f))
			return err_set(err, 500, "out of memory");
		snprintf(name, sizeof(name), "org.postern.file.%s", paths[i]);
		if (json_put_text(annotations, name, text, err))
			return -1;
	}
	return 0;
}
