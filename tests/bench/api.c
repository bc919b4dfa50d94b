/* api.c - times create, start, wait and remove of one container after another over a Docker API socket.
 *
 * api SOCKET COUNT NETWORK[:PORT] [PARALLEL]: prints one line "stage min median" (microseconds) a stage, and "total". With PARALLEL,
 * that many processes share COUNT and only "seconds S" is printed. The container runs `true` of busybox; with PORT, its port 80 is
 * published there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CREATE, START, WAIT, REMOVE, TOTAL, STAGES };
static const char *const names[] = { "create", "start", "wait", "remove", "total" };

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void die(const char *what)
{
	fprintf(stderr, "api: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* One request on a kept connection; the answer's body is put into body. Enough HTTP for both engines' short answers. */
static int request(int sock, const char *method, const char *path, const char *json, char *body, size_t size)
{
	char buf[16384], *end = NULL;
	size_t n = 0, need = 0;
	int status, chunked = 0, len = snprintf(buf, sizeof(buf),
		"%s %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		method, path, strlen(json), json);

	if (write(sock, buf, (size_t)len) != len)
		die("write");
	for (;;) {
		ssize_t r = read(sock, buf + n, sizeof(buf) - 1 - n);

		if (r <= 0)
			die("read");
		n += (size_t)r;
		buf[n] = '\0';
		if (!end && (end = strstr(buf, "\r\n\r\n"))) {
			char *length = strcasestr(buf, "\r\nContent-Length:");

			end += 4;
			chunked = strcasestr(buf, "Transfer-Encoding: chunked") != NULL;
			need = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
		}
		if (end && (chunked ? strstr(end - 2, "\r\n0\r\n\r\n") != NULL || !strncmp(end, "0\r\n\r\n", 5)
				    : n >= (size_t)(end - buf) + need))
			break;
	}
	status = atoi(buf + 9);
	snprintf(body, size, "%s", end);
	return status;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void one(int sock, const char *network, double t[STAGES])
{
	char json[512], body[8192], path[256], id[65] = "", ports[128] = "";
	int length = (int)strcspn(network, ":");
	double start = now_us(), at = start, next;
	char *p;

	if (network[length])
		snprintf(ports, sizeof(ports), ",\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"%s\"}]}", network + length + 1);
	snprintf(json, sizeof(json), "{\"Image\":\"busybox\",\"Cmd\":[\"true\"],\"HostConfig\":{\"NetworkMode\":\"%.*s\"%s}}",
		 length, network, ports);
	if (request(sock, "POST", "/v1.41/containers/create", json, body, sizeof(body)) != 201 || !(p = strstr(body, "\"Id\":\"")))
		die(body);
	memcpy(id, p + 6, 64);
	t[CREATE] = (next = now_us()) - at, at = next;
	snprintf(path, sizeof(path), "/v1.41/containers/%s/start", id);
	if (request(sock, "POST", path, "", body, sizeof(body)) != 204)
		die(body);
	t[START] = (next = now_us()) - at, at = next;
	snprintf(path, sizeof(path), "/v1.41/containers/%s/wait", id);
	if (request(sock, "POST", path, "", body, sizeof(body)) != 200 || !strstr(body, "\"StatusCode\":0"))
		die(body);
	t[WAIT] = (next = now_us()) - at, at = next;
	snprintf(path, sizeof(path), "/v1.41/containers/%s", id);
	if (request(sock, "DELETE", path, "", body, sizeof(body)) != 204)
		die(body);
	t[REMOVE] = (next = now_us()) - at;
	t[TOTAL] = next - start;
}

static int dial(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (sock < 0 || connect(sock, (struct sockaddr *)&a, sizeof(a)) < 0)
		die(path);
	return sock;
}

int main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[2]) : 0, parallel = argc > 4 ? atoi(argv[4]) : 0;
	double (*t)[STAGES] = calloc((size_t)count + 10, sizeof(*t)), warm[STAGES];

	if (argc < 4 || count < 1 || !t)
		return 2;
	if (parallel > 0) {
		double start = now_us();

		for (int k = 0; k < parallel; k++)
			if (fork() == 0) {
				int sock = dial(argv[1]);

				for (int i = 0; i < count / parallel; i++)
					one(sock, argv[3], warm);
				_exit(0);
			}
		while (wait(NULL) > 0)
			;
		printf("seconds %.6f\n", (now_us() - start) / 1e6);
		return 0;
	}
	int sock = dial(argv[1]);

	for (int i = 0; i < 5 && i < count; i++)
		one(sock, argv[3], warm);
	for (int i = 0; i < count; i++)
		one(sock, argv[3], t[i]);
	for (int s = 0; s < STAGES; s++) {
		double *v = malloc((size_t)count * sizeof(*v));

		for (int i = 0; i < count; i++)
			v[i] = t[i][s];
		qsort(v, (size_t)count, sizeof(*v), compare);
		printf("%s %.0f %.0f\n", names[s], v[0], v[count / 2]);
		free(v);
	}
	return 0;
}
