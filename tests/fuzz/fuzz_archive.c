/* fuzz_archive.c - image archives: the index of a tar, manifests, configs, names, Dockerfile instructions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../controller/image/internal.h"

/* A tar whose checksums are right, so that what is behind them is reached. */
static void fuzz_tar(uint8_t *data, size_t n)
{
	struct tar_index index;
	struct plan plan;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	for (size_t at = 0; at + 512 <= n; at += 512) {
		unsigned sum = 8 * ' ';
		char text[9];

		for (size_t i = 0; i < 512; i++)
			sum += i >= 148 && i < 156 ? 0 : data[at + i];
		snprintf(text, sizeof(text), "%06o", sum);
		memcpy(data + at + 148, text, 8);
	}
	if (write(fd, data, n) == (ssize_t)n && tar_index_read(fd, n, &index, NULL) == 0) {
		for (size_t i = 0; i < index.n; i++)
			if (index.v[i].offset > n || index.v[i].size > n - index.v[i].offset)
				abort();
		if (plan_read(fd, &index, &plan, NULL) == 0)
			plan_finish(&plan);
		tar_index_finish(&index);
	}
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct plan_image image;
	struct reference ref, again;
	char *text = malloc(n + 1), name[IMAGE_REF_MAX];
	cJSON *config = cJSON_CreateObject();

	memcpy(text, data, n);
	text[n] = '\0';
	if (reference_parse(text, &ref, NULL) == 0) {
		reference_text(&ref, name);
		if (reference_parse(name, &again, NULL) < 0)
			abort();
	}
	change_apply(config, text, NULL);
	cJSON_Delete(config);
	if (plan_image_config(text, strlen(text), &image, NULL) == 0)
		plan_image_finish(&image);
	fuzz_tar((uint8_t *)text, n);
	free(text);
	return 0;
}
