/* test_cli.c - the command line: options to bodies, templates, sizes and times, the HTTP client, output streams, policy
 * questions. */
#include "../../controller/cli/api.c"
#include "../../controller/cli/config.c"
#include "../../controller/cli/config_network.c"
#include "../../controller/cli/config_values.c"
#include "../../controller/cli/format.c"
#include "../../controller/cli/helpers.c"
#include "../../controller/cli/http_client.c"
#include "../../controller/cli/options.c"
#include "../../controller/cli/picture.c"
#include "../../controller/cli/policy_explain.c"
#include "../../controller/cli/stream.c"
#include "../../controller/cli/template.c"
#include "../../controller/cli/template_functions.c"

#include <CUnit/Basic.h>
#include <sys/wait.h>

/* --- create bodies ------------------------------------------------------------------------------------------------ */
/* Options of run to the body; NULL when they are refused. */
static cJSON *body(const char *words)
{
	static char text[1024];
	char *argv[64] = { "run" }, *rest = text, *word;
	struct run_options o;
	int argc = 1;

	snprintf(text, sizeof(text), "%s", words);
	while ((word = strsep(&rest, " ")))
		argv[argc++] = word;
	if (config_parse(&o, false, argc, argv) == 0)
		return o.body;
	cJSON_Delete(o.body);
	return NULL;
}

static void test_bodies(void)
{
	static const struct {
		const char *words, *path, *expected; /* JSON at path */
	} rows[] = {
		{ "busybox", "Image", "\"busybox\"" },
		{ "busybox sh -c x -d", "Cmd", "[\"sh\",\"-c\",\"x\",\"-d\"]" }, /* nothing behind the image is ours */
		{ "-it busybox", "Tty", "true" },
		{ "-it busybox", "OpenStdin", "true" },
		{ "-it busybox", "StdinOnce", "true" },
		{ "-d -i busybox", "StdinOnce", "false" },
		{ "-d -i busybox", "AttachStdout", "false" },
		{ "busybox", "AttachStdout", "true" },
		{ "busybox", "AttachStdin", "false" },
		{ "-a stderr busybox", "AttachStdin", "false" },
		{ "--rm busybox", "HostConfig.AutoRemove", "true" },
		{ "--rm=false busybox", "HostConfig.AutoRemove", "false" },
		{ "-e A=b -eC=d --env=E=f=g busybox", "Env", "[\"A=b\",\"C=d\",\"E=f=g\"]" },
		{ "-e POSTERN_TEST_UNSET busybox", "Env", NULL },
		{ "-e POSTERN_TEST_SET busybox", "Env", "[\"POSTERN_TEST_SET=1\"]" },
		{ "-m 64m busybox", "HostConfig.Memory", "67108864" },
		{ "-m64M busybox", "HostConfig.Memory", "67108864" },
		{ "--cpus 1.5 busybox", "HostConfig.NanoCpus", "1500000000" },
		{ "--pids-limit -1 busybox", "HostConfig.PidsLimit", "-1" },
		{ "-v /a:/b:ro -v vol:/c busybox", "HostConfig.Binds", "[\"/a:/b:ro\",\"vol:/c\"]" },
		{ "-v /data busybox", "Volumes", "{\"/data\":{}}" },
		{ "--mount type=bind,src=/a,dst=/b,ro busybox", "HostConfig.Mounts",
		  "[{\"Type\":\"bind\",\"Source\":\"/a\",\"Target\":\"/b\",\"ReadOnly\":true}]" },
		{ "--mount type=tmpfs,target=/t,tmpfs-size=1m busybox", "HostConfig.Mounts.0.TmpfsOptions.SizeBytes",
		  "1048576" },
		{ "--tmpfs /run:size=1m,mode=755 --tmpfs /t busybox", "HostConfig.Tmpfs",
		  "{\"/run\":\"size=1m,mode=755\",\"/t\":\"\"}" },
		{ "--device /dev/fuse busybox", "HostConfig.Devices",
		  "[{\"PathOnHost\":\"/dev/fuse\",\"PathInContainer\":\"/dev/fuse\",\"CgroupPermissions\":\"rwm\"}]" },
		{ "--device /dev/fuse:/dev/f:r busybox", "HostConfig.Devices.0.CgroupPermissions", "\"r\"" },
		{ "--ulimit nofile=10:20 busybox", "HostConfig.Ulimits",
		  "[{\"Name\":\"nofile\",\"Soft\":10,\"Hard\":20}]" },
		{ "-l a=b -l c busybox", "Labels", "{\"a\":\"b\",\"c\":\"\"}" },
		{ "--cap-add A --cap-drop ALL busybox", "HostConfig.CapDrop", "[\"ALL\"]" },
		{ "--entrypoint /x busybox y", "Entrypoint", "[\"/x\"]" },
		{ "--read-only --init busybox", "HostConfig.ReadonlyRootfs", "true" },
		{ "--security-opt no-new-privileges busybox", "HostConfig.SecurityOpt", "[\"no-new-privileges\"]" },
		{ "--network none busybox", "HostConfig.NetworkMode", "\"none\"" },
		{ "-h web busybox", "Hostname", "\"web\"" },
		{ "--stop-timeout 3 busybox", "StopTimeout", "3" },
		{ "-p 80 busybox", "HostConfig.PortBindings", "{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"\"}]}" },
		{ "-p 8080:80/udp busybox", "HostConfig.PortBindings",
		  "{\"80/udp\":[{\"HostIp\":\"\",\"HostPort\":\"8080\"}]}" },
		{ "-p 127.0.0.1:8080-8081:80-81 busybox", "HostConfig.PortBindings",
		  "{\"80/tcp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"8080\"}],"
		  "\"81/tcp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"8081\"}]}" },
		{ "-p [::1]:1:2 busybox", "HostConfig.PortBindings", "{\"2/tcp\":[{\"HostIp\":\"::1\",\"HostPort\":\"1\"}]}" },
		{ "-p 8000-8010:80 busybox", "HostConfig.PortBindings",
		  "{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"8000-8010\"}]}" },
		{ "-p 1:2 --expose 3-4 busybox", "ExposedPorts", "{\"2/tcp\":{},\"3/tcp\":{},\"4/tcp\":{}}" },
		{ "-p 127.0.0.1::80/UDP busybox", "HostConfig.PortBindings",
		  "{\"80/udp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"\"}]}" },
		{ "-p ::1:1:2/sctp busybox", "HostConfig.PortBindings",
		  "{\"2/sctp\":[{\"HostIp\":\"::1\",\"HostPort\":\"1\"}]}" },
		{ "-p 1:2 -p 3:2 busybox", "HostConfig.PortBindings",
		  "{\"2/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"1\"},{\"HostIp\":\"\",\"HostPort\":\"3\"}]}" },
		{ "-p published=1,target=2,protocol=udp busybox", "HostConfig.PortBindings",
		  "{\"2/udp\":[{\"HostIp\":\"\",\"HostPort\":\"1\"}]}" },
		{ "--expose 5/udp -P busybox", "ExposedPorts", "{\"5/udp\":{}}" },
		{ "busybox", "HostConfig.NetworkMode", "\"default\"" },
		{ "busybox", "NetworkingConfig", NULL },
		{ "--network n1 busybox", "NetworkingConfig", NULL },
		{ "--network n1 --network n2 busybox", "NetworkingConfig.EndpointsConfig", "{\"n1\":{},\"n2\":{}}" },
		{ "--network n1 --network n2 busybox", "HostConfig.NetworkMode", "\"n1\"" },
		{ "--network n1 --network-alias a --ip 10.0.0.2 --ip6 fd00::2 busybox", "NetworkingConfig.EndpointsConfig",
		  "{\"n1\":{\"Aliases\":[\"a\"],\"IPAMConfig\":{\"IPv4Address\":\"10.0.0.2\",\"IPv6Address\":\"fd00::2\"}}}" },
		{ "--network name=n1,alias=a,alias=b,driver-opt=k=v,gw-priority=-3 busybox", "NetworkingConfig.EndpointsConfig",
		  "{\"n1\":{\"Aliases\":[\"a\",\"b\"],\"DriverOpts\":{\"k\":\"v\"},\"GwPriority\":-3}}" },
		{ "--network n1 --link c:d busybox", "NetworkingConfig.EndpointsConfig.n1.Links", "[\"c:d\"]" },
		{ "--link c:d busybox", "NetworkingConfig", NULL },
		{ "--link c:d busybox", "HostConfig.Links", "[\"c:d\"]" },
		{ "--mac-address 02:00:00:00:00:01 busybox", "MacAddress", "\"02:00:00:00:00:01\"" },
		{ "--link-local-ip 169.254.1.2 --network n1 busybox", "NetworkingConfig.EndpointsConfig.n1.IPAMConfig.LinkLocalIPs",
		  "[\"169.254.1.2\"]" },
		{ "--add-host a:1.2.3.4 --add-host b=[::1] --add-host c:host-gateway --add-host d:::1 busybox", "HostConfig.ExtraHosts",
		  "[\"a:1.2.3.4\",\"b:::1\",\"c:host-gateway\",\"d:::1\"]" },
		{ "--log-driver local --log-opt max-size=1m --log-opt max-file=2 busybox", "HostConfig.LogConfig",
		  "{\"Type\":\"local\",\"Config\":{\"max-size\":\"1m\",\"max-file\":\"2\"}}" },
		{ "--restart on-failure:3 busybox", "HostConfig.RestartPolicy",
		  "{\"Name\":\"on-failure\",\"MaximumRetryCount\":3}" },
		{ "--health-cmd x --health-interval 1m30s busybox", "Healthcheck",
		  "{\"Test\":[\"CMD-SHELL\",\"x\"],\"Interval\":90000000000}" },
		{ "--no-healthcheck busybox", "Healthcheck.Test", "[\"NONE\"]" },
		{ "--device-read-bps /dev/sda:1mb busybox", "HostConfig.BlkioDeviceReadBps",
		  "[{\"Path\":\"/dev/sda\",\"Rate\":1048576}]" },
		{ "--gpus device=a,b busybox", "HostConfig.DeviceRequests",
		  "[{\"DeviceIDs\":[\"a\",\"b\"],\"Capabilities\":[[\"gpu\"]]}]" },
		{ "--mount type=volume,src=v,dst=/b,volume-subpath=x,volume-label=a=b busybox", "HostConfig.Mounts.0.VolumeOptions",
		  "{\"Subpath\":\"x\",\"Labels\":{\"a\":\"b\"}}" },
		{ "--annotation a=b busybox", "HostConfig.Annotations", "{\"a\":\"b\"}" },
	};

	setenv("POSTERN_TEST_SET", "1", 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cJSON *b = body(rows[i].words);
		const cJSON *at = json_at(b, rows[i].path);
		char *text = at ? cJSON_PrintUnformatted(at) : NULL;

		CU_ASSERT_PTR_NOT_NULL(b);
		if (!text || !rows[i].expected || strcmp(text, rows[i].expected) != 0)
			if (text || rows[i].expected)
				printf("\n  %s: %s\n", rows[i].words, text ? text : "absent");
		CU_ASSERT(rows[i].expected ? text && strcmp(text, rows[i].expected) == 0 : !text);
		free(text);
		cJSON_Delete(b);
	}
}

/* Whatever stands in a name: no quote, tag, control character or broken UTF-8 of it gets through. */
static void test_pictures(void)
{
	static const struct {
		enum picture_form form;
		const char *name, *expected, *never;
	} rows[] = {
		{ PICTURE_TEXT, "a\033[31m\nb", "a?[31m?b", "\033" },
		{ PICTURE_TEXT, "\xc3\xa4", "\xc3\xa4", "?" },
		{ PICTURE_TEXT, "\xc2\x9b" "31m", "??31m", "\x9b" },
		{ PICTURE_DOT, "a\"];evil\\", "a\\\"];evil\\\\", "a\"]" },
		{ PICTURE_SVG, "</text><script>'\"&", "&lt;/text&gt;&lt;script&gt;&#39;&quot;&amp;", "<script" },
		{ PICTURE_SVG, "\xff\xc3(\xed\xa0\x80", "?" "?(?" "??", "\xff" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cJSON *list = cJSON_CreateArray(), *n = cJSON_CreateObject(), *c = cJSON_CreateObject(), *containers;
		char *text = NULL;
		size_t size;
		FILE *f = open_memstream(&text, &size);

		cJSON_AddStringToObject(c, "Name", rows[i].name);
		cJSON_AddStringToObject(n, "Name", "n");
		containers = cJSON_AddArrayToObject(n, "Containers");
		cJSON_AddItemToArray(containers, c);
		cJSON_AddItemToArray(list, n);
		picture_draw(f, rows[i].form, list);
		fclose(f);
		if (!strstr(text, rows[i].expected) || strstr(text, rows[i].never))
			printf("\n  %s\n", text);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, rows[i].expected));
		CU_ASSERT_PTR_NULL(strstr(text, rows[i].never));
		free(text);
		cJSON_Delete(list);
	}
}

static void test_refused(void)
{
	static const char *const rows[] = {
		"--bogus busybox",
		"-Z busybox",
		"-m 1x busybox",
		"-m busybox",
		"--cpus one busybox",
		"--ulimit nofile busybox",
		"--mount type=bind,src=/a busybox",
		"--mount colour=red,dst=/a busybox",
		"--pull sometimes busybox",
		"--stop-timeout x busybox",
		"-p x busybox",
		"-p 1-2:3-5 busybox",
		"-p 70000 busybox",
		"-p 1:2/icmp busybox",
		"-p 5-4 busybox",
		"-p 1- busybox",
		"-p 8080: busybox",
		"-p x:80 busybox",
		"-p 1.2.3:1:2 busybox",
		"-p host:1:2 busybox",
		"-p published=1 busybox",
		"-p a=b,c busybox",
		"--expose 1:2 busybox",
		"--expose x busybox",
		"--expose 1/icmp busybox",
		"--add-host a busybox",
		"--add-host :1.2.3.4 busybox",
		"--add-host a:b busybox",
		"--dns x busybox",
		"--link a:b:c busybox",
		"--mac-address 02:00 busybox",
		"--network-alias a busybox",
		"--network bridge --network-alias a busybox",
		"--network n1 --network n1 busybox",
		"--network n1 --network bridge busybox",
		"--network alias=a busybox",
		"--network name=n1,colour=red busybox",
		"--network name=n1,ip=1.2.3.4 --ip 1.2.3.5 busybox",
		"--network name=n1,alias=a --network-alias b busybox",
		"--network name=n1,mac-address=x busybox",
		"--device-read-bps sda:1 busybox",
		"--health-interval 5 busybox",
		"--restart always:x busybox",
		"--gpus some busybox",
		"-d=maybe busybox",
		"--name",
		"-e =x busybox",
		"--env-file /nonexistent busybox",
		"--security-opt seccomp=/nonexistent busybox",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cJSON *b = body(rows[i]);

		if (b)
			printf("\n  taken: %s\n", rows[i]);
		CU_ASSERT_PTR_NULL(b);
		cJSON_Delete(b);
	}
}

/* --- texts ------------------------------------------------------------------------------------------------ */
static void test_templates(void)
{
	static const struct {
		const char *template, *expected; /* NULL: refused */
	} rows[] = {
		{ "{{.A}}-{{ .B.C }}", "x-5\n" },
		{ "{{json .B}}", "{\"C\":5}\n" },
		{ "{{.L.1}}\\t{{.None}}", "two\t<no value>\n" },
		{ "{{json .A}}{{.T}}", "\"x\"true\n" },
		{ "plain", "plain\n" },
		{ "{{.E}}", "a?[1m\n" },
		{ "{{range .L}}", NULL },
		{ "{{range .L}}<{{.}}>{{end}}", "<one><two>\n" },
		{ "{{range $i, $v := .L}}{{$i}}={{$v}};{{end}}", "0=one;1=two;\n" },
		{ "{{range $k, $v := .B}}{{$k}}={{$v}}{{end}}", "C=5\n" },
		{ "{{range .None}}x{{else}}none{{end}}", "none\n" },
		{ "{{range .L}}{{end}}{{else}}", NULL },
		{ "{{if .T}}yes{{else}}no{{end}}", "yes\n" },
		{ "{{if eq .A \"y\"}}1{{else if eq .A \"x\"}}2{{else}}3{{end}}", "2\n" },
		{ "{{if .None}}1{{end}}", "\n" },
		{ "{{if and .T (not .None)}}1{{end}}", "1\n" },
		{ "{{with .B}}{{.C}}{{$.A}}{{end}}", "5x\n" },
		{ "{{len .L}} {{index .L 1}} {{index .B \"C\"}}", "2 two 5\n" },
		{ "{{index .L 2}}", NULL },
		{ "{{join .L \", \"}}", "one, two\n" },
		{ "{{range split \"a:b\" \":\"}}{{upper .}}{{end}}", "AB\n" },
		{ "{{.A | upper | printf \"%5s|\"}}", "    X|\n" },
		{ "{{printf \"%s-%d-%q-%v\" .A .B.C .A .L}}", "x-5-\"x\"-[one two]\n" },
		{ "{{printf \"%n\" .A}}", NULL },
		{ "{{printf \"%s\"}}", NULL },
		{ "{{println .A 5}}", "x 5\n\n" },
		{ "{{$x := .A}}{{$x}}{{$x = \"z\"}}{{$x}}", "xz\n" },
		{ "{{$y}}", NULL },
		{ "a {{- .A -}} b{{/* no */}}", "axb\n" },
		{ "{{.B}} {{.L}}", "map[C:5] [one two]\n" },
		{ "{{title \"ab cd\"}}{{slice .A 0 1}}{{truncate \"abc\" 2}}{{pad .A 1 2}}|", "Ab Cdxab x  |\n" },
		{ "{{.A.B}}", NULL },
		{ "{{foo .A}}", NULL },
		{ "{{template \"x\"}}", NULL },
		{ "{{if .A}}", NULL },
		{ "{{end}}", NULL },
		{ "{{\"x}}", NULL },
		{ "{{(.A}}", NULL },
		{ "{{.A", NULL },
		{ "{{.A | upper}}", "X\n" },
	};
	cJSON *v =
		cJSON_Parse("{\"A\":\"x\",\"B\":{\"C\":5},\"L\":[\"one\",\"two\"],\"T\":true,\"E\":\"a\\u001b[1m\"}");

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char out[128] = "";
		FILE *f = fmemopen(out, sizeof(out), "w");
		int r = template_print(f, rows[i].template, v);

		fclose(f);
		CU_ASSERT_EQUAL(r, rows[i].expected ? 0 : -1);
		if (rows[i].expected)
			CU_ASSERT_STRING_EQUAL(out, rows[i].expected);
	}
	cJSON_Delete(v);
}

static void test_numbers(void)
{
	static const struct {
		const char *text;
		int64_t bytes; /* -1: refused */
	} sizes[] = { { "100", 100 },	  { "4k", 4096 },	  { "1.5g", 1610612736 },
		      { "2MB", 2097152 }, { "1GiB", 1073741824 }, { "1x", -1 },
		      { "", -1 },	  { "-5", -1 },		  { "5mm", -1 },
		      { "99999999p", -1 } };
	char text[64];
	int64_t n;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		n = -1;
		CU_ASSERT_EQUAL(size_argument(sizes[i].text, &n), sizes[i].bytes < 0 ? -1 : 0);
		CU_ASSERT_EQUAL(n, sizes[i].bytes);
	}
	text_ago(text, sizeof(text), 3700);
	CU_ASSERT_STRING_EQUAL(text, "About an hour");
	text_ago(text, sizeof(text), 90 * 60 * 24);
	CU_ASSERT_STRING_EQUAL(text, "36 hours");
	text_size(text, sizeof(text), 4270000, SIZE_SHORT);
	CU_ASSERT_STRING_EQUAL(text, "4.27MB");
	CU_ASSERT_EQUAL(time_seconds("2023-11-14T22:13:20.5Z"), 1700000000);
	CU_ASSERT_EQUAL(time_seconds("2023-11-14T23:13:20+01:00"), 1700000000);
	CU_ASSERT_EQUAL(time_seconds("0001-01-01T00:00:00Z"), 0);
	CU_ASSERT_EQUAL(time_argument("2023-11-14T22:13:20.25Z", text, sizeof(text)), 0);
	CU_ASSERT_STRING_EQUAL(text, "1700000000.25");
	CU_ASSERT_EQUAL(time_argument("1700000000", text, sizeof(text)), 0);
	CU_ASSERT_STRING_EQUAL(text, "1700000000");
	CU_ASSERT_EQUAL(time_argument("yesterday", text, sizeof(text)), -1);
}

static void test_paths(void)
{
	char *p = api_path("/a/%s/x?y=%s", "reg:5000/b", "1 &=%\n");
	struct texts t = { 3, { "label=a=b", "label=c", "name=x" } }, bad = { 1, { "noequals" } };

	CU_ASSERT_STRING_EQUAL(p, "/a/reg:5000/b/x?y=1%20%26%3D%25%0A");
	free(p);
	p = api_filters(&t);
	CU_ASSERT_STRING_EQUAL(p, "%7B%22label%22:%5B%22a%3Db%22%2C%22c%22%5D%2C%22name%22:%5B%22x%22%5D%7D");
	free(p);
	CU_ASSERT_PTR_NULL(api_filters(&bad));
}

/* --- HTTP ------------------------------------------------------------------------------------------------- */
/* An answer as the engine might send it, byte by byte, to what the client makes of it: the body, or NULL: an error. */
static void answer_is(const char *sent, int status, const char *expected)
{
	struct http h;
	char body_text[256];
	size_t n = 0;
	ssize_t r = 0;
	int pair[2];
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		for (; *sent; sent++)
			if (write(pair[1], sent, 1) != 1)
				_exit(1);
		_exit(0);
	}
	close(pair[1]);
	memset(&h, 0, sizeof(h));
	h.fd = pair[0];
	r = http_answer(&h);
	while (r >= 0 && n < sizeof(body_text) - 1 && (r = http_body(&h, body_text + n, sizeof(body_text) - 1 - n)) > 0)
		n += (size_t)r;
	body_text[n] = '\0';
	if (expected) {
		CU_ASSERT_EQUAL(r, 0);
		CU_ASSERT_EQUAL(h.status, status);
		CU_ASSERT_STRING_EQUAL(body_text, expected);
	} else {
		CU_ASSERT(r < 0);
	}
	http_finish(&h);
	waitpid(pid, NULL, 0);
}

static void test_http(void)
{
	answer_is("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello");
	answer_is("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nA: b\r\n\r\n",
		  200, "hello");
	answer_is("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}", 404, "{}");
	answer_is("HTTP/1.1 200 OK\r\n\r\nto the end", 200, "to the end");
	answer_is("HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\nraw", 101, "raw");
	answer_is("HTTP/1.1 204 No Content\r\n\r\n", 204, "");
	answer_is("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", 200, NULL); /* cut off */
	answer_is("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n", 200, NULL);
	answer_is("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 200, NULL);
	answer_is("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 200, NULL);
	answer_is("SSH-2.0\r\n\r\n", 0, NULL);
	answer_is("", 0, NULL);
}

static void test_demux(void)
{
	static const unsigned char bad[] = { 7, 0, 0, 0, 0, 0, 0, 1, 'x' };
	struct demux d = { 0 };
	unsigned char keys[KEYS_MAX];

	CU_ASSERT_EQUAL(demux_feed(&d, bad, sizeof(bad)), -EPROTO);
	CU_ASSERT_EQUAL(parse_keys("ctrl-p,ctrl-q", keys), 2);
	CU_ASSERT_EQUAL(keys[0], 0x10);
	CU_ASSERT_EQUAL(keys[1], 0x11);
	CU_ASSERT_EQUAL(parse_keys("a,b,c", keys), 3);
	CU_ASSERT_EQUAL(parse_keys("", keys), 0);
}

/* --- policy questions ------------------------------------------------------------------------------------- */
static int ask(const cJSON *policy, const char *words)
{
	char text[256], *argv[16], *rest = text, *word;
	int argc = 0;

	snprintf(text, sizeof(text), "%s", words);
	while ((word = strsep(&rest, " ")))
		argv[argc++] = word;
	return policy_explain(policy, NULL, argc, argv);
}

static void test_questions(void)
{
	char *text = text_file("policy/default.json");
	cJSON *p = cJSON_Parse(text);

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT_EQUAL(policy_explain(p, NULL, 0, NULL), ALLOWED);
	CU_ASSERT_EQUAL(ask(p, "cap NET_ADMIN"), ALLOWED);
	CU_ASSERT_EQUAL(ask(p, "cap SYS_MODULE"), DENIED);
	CU_ASSERT_EQUAL(ask(p, "cap NONSENSE"), UNCLEAR);
	CU_ASSERT_EQUAL(ask(p, "device /dev/fuse"), ALLOWED);
	CU_ASSERT_EQUAL(ask(p, "device /dev/mem"), DENIED);
	CU_ASSERT_EQUAL(ask(p, "user 0"), ALLOWED);
	CU_ASSERT_EQUAL(ask(p, "user 4000000"), DENIED);
	CU_ASSERT_EQUAL(ask(p, "user"), DENIED);
	CU_ASSERT_EQUAL(ask(p, "bind /etc/shadow --uid 0"), DENIED);
	CU_ASSERT_EQUAL(ask(p, "bind /tmp --uid 0"), ALLOWED); /* root's: read-only */
	CU_ASSERT_EQUAL(ask(p, "bind /tmp --uid 0 --rw"), DENIED);
	CU_ASSERT_EQUAL(ask(p, "bind /tmp --uid 4000000"), DENIED);
	CU_ASSERT_EQUAL(ask(p, "bind /var/lib/postern/x --uid 0"), DENIED);
	CU_ASSERT_EQUAL(ask(p, "bind tmp --uid 0"), UNCLEAR);
	CU_ASSERT_EQUAL(ask(p, "bind /tmp"), UNCLEAR);
	CU_ASSERT_EQUAL(ask(p, "bogus"), UNCLEAR);
	cJSON_Delete(p);
	free(text);
}

/* --- helpers ---------------------------------------------------------------------------------------------- */
static void test_caps(void)
{
	static const struct {
		const char *userns, *effective, *raisable, *cell;
	} rows[] = {
		{ "init", "none", "none", "none" },
		{ "own (range)", "none", "none", "none" },
		{ "own (range)", "SETGID SETUID", "none", "SETGID SETUID (in range)" },
		{ "own", "SYS_ADMIN", "none", "SYS_ADMIN (in own)" },
		{ "init", "none", "SYS_ADMIN", "none, may raise SYS_ADMIN" },
		{ "own (store)", "CHOWN", "KILL", "CHOWN, may raise KILL (in store)" },
	};
	static const char status[] =
		"Name:\tx\nCapInh:\t0\nCapPrm:\t0000000000200080\nCapEff:\t0000000000000080\nCapBnd:\t00\n";
	cJSON *row;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		row = cJSON_CreateObject();
		cJSON_AddStringToObject(row, "UserNamespace", rows[i].userns);
		cJSON_AddStringToObject(row, "Effective", rows[i].effective);
		cJSON_AddStringToObject(row, "Raisable", rows[i].raisable);
		add_caps_cell(row);
		CU_ASSERT_STRING_EQUAL(json_text_at(row, "Caps"), rows[i].cell);
		cJSON_Delete(row);
	}
	row = cJSON_CreateObject();
	add_caps(row, status);
	CU_ASSERT_STRING_EQUAL(json_text_at(row, "Effective"), "SETUID");
	CU_ASSERT_STRING_EQUAL(json_text_at(row, "Permitted"), "SETUID SYS_ADMIN");
	CU_ASSERT_STRING_EQUAL(json_text_at(row, "Raisable"), "SYS_ADMIN");
	CU_ASSERT_STRING_EQUAL(json_text_at(row, "Bounding"), "none");
	cJSON_AddStringToObject(row, "Cgroup", "/engine/helpers");
	shorten(row, "engine");
	CU_ASSERT_STRING_EQUAL(json_text_at(row, "Cgroup"), "helpers");
	CU_ASSERT_STRING_EQUAL(json_text_at(row, "Permitted"), "SETUID SYS_ADMIN"); /* not "same" */
	cJSON_Delete(row);
}

static void test_wrap(void)
{
	static const char *const lines[] = { "CHOWN DAC_OVERRIDE FOWNER", "FSETID MKNOD SETFCAP SETPCAP",
					     "(in store)", "none" };
	cJSON *list = cJSON_Parse("[{\"Caps\":\"CHOWN DAC_OVERRIDE FOWNER FSETID MKNOD SETFCAP SETPCAP (in store)\"},"
				  "{\"Caps\":\"none\"}]");
	int i = 0;

	wrap(list);
	CU_ASSERT_EQUAL_FATAL(cJSON_GetArraySize(list), (int)ARRAY_SIZE(lines));
	for (const cJSON *row = list->child; row; row = row->next)
		CU_ASSERT_STRING_EQUAL(json_text_at(row, "Caps"), lines[i++]);
	cJSON_Delete(list);
}

int main(void)
{
	CU_pSuite s;
	unsigned failed;

	CU_initialize_registry();
	s = CU_add_suite("cli", NULL, NULL);
	CU_add_test(s, "options to bodies", test_bodies);
	CU_add_test(s, "options that are refused", test_refused);
	CU_add_test(s, "pictures", test_pictures);
	CU_add_test(s, "templates", test_templates);
	CU_add_test(s, "sizes and times", test_numbers);
	CU_add_test(s, "paths and filters", test_paths);
	CU_add_test(s, "answers of the engine", test_http);
	CU_add_test(s, "output and keys", test_demux);
	CU_add_test(s, "questions to the policy", test_questions);
	CU_add_test(s, "capabilities", test_caps);
	CU_add_test(s, "wrap", test_wrap);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
