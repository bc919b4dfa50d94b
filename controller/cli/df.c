/* df.c - system df: what images, containers, volumes and the build cache take, as Docker's client sums it up and lists
 * it. */
#include <stdlib.h>
#include <string.h>

#include "../../helpers/base/cleanup.h"
#include "cli.h"

struct df_options {
	const char *format;
	bool verbose;
};

/* --- the sums --------------------------------------------------------------------------------------------- */
struct usage_sum {
	unsigned total, active;
	double size, reclaimable;
};

static void add_usage(cJSON *rows, const char *type, const struct usage_sum *s)
{
	cJSON *row = cJSON_CreateObject();
	char text[64], size[32];

	cJSON_AddStringToObject(row, "Type", type);
	snprintf(text, sizeof(text), "%u", s->total);
	cJSON_AddStringToObject(row, "TotalCount", text);
	snprintf(text, sizeof(text), "%u", s->active);
	cJSON_AddStringToObject(row, "Active", text);
	text_size(size, sizeof(size), s->size, SIZE_LONG);
	cJSON_AddStringToObject(row, "Size", size);
	text_size(size, sizeof(size), s->reclaimable, SIZE_LONG);
	if (s->size > 0)
		snprintf(text, sizeof(text), "%s (%d%%)", size, (int)(s->reclaimable * 100 / s->size));
	else
		snprintf(text, sizeof(text), "%s", size);
	cJSON_AddStringToObject(row, "Reclaimable", text);
	cJSON_AddItemToArray(rows, row);
}

static double at_least_0(const cJSON *item, const char *path)
{
	double bytes = json_number_at(item, path);

	return bytes > 0 ? bytes : 0;
}

/* Shared layers count once, and removing all images that are not used gives back what the others do not have alone. */
static struct usage_sum sum_images(const cJSON *df)
{
	struct usage_sum s = { .size = json_number_at(df, "LayersSize") };
	const cJSON *image;

	s.reclaimable = s.size;
	cJSON_ArrayForEach(image, json_at(df, "Images")) {
		s.total++;
		if (json_number_at(image, "Containers") <= 0)
			continue;
		s.active++;
		s.reclaimable -= at_least_0(image, "Size") - at_least_0(image, "SharedSize");
	}
	return s;
}

static bool runs(const cJSON *container)
{
	const char *state = json_text_at(container, "State");

	return strcmp(state, "running") == 0 || strcmp(state, "paused") == 0 || strcmp(state, "restarting") == 0;
}

static bool is_used(const cJSON *volume)
{
	return json_number_at(volume, "UsageData.RefCount") > 0;
}

static struct usage_sum sum_items(const cJSON *list, const char *size, bool (*active)(const cJSON *item))
{
	struct usage_sum s = { 0 };
	const cJSON *item;

	cJSON_ArrayForEach(item, list) {
		s.total++;
		s.active += active(item);
		s.size += at_least_0(item, size);
		s.reclaimable += active(item) ? 0 : at_least_0(item, size);
	}
	return s;
}

static int show_sums(const cJSON *df, const char *format)
{
	static const struct column columns[] = { { "TYPE", "Type" },
						 { "TOTAL", "TotalCount" },
						 { "ACTIVE", "Active" },
						 { "SIZE", "Size" },
						 { "RECLAIMABLE", "Reclaimable" } };
	struct usage_sum images = sum_images(df), cache = { 0 },
			 containers = sum_items(json_at(df, "Containers"), "SizeRw", runs),
			 volumes = sum_items(json_at(df, "Volumes"), "UsageData.Size", is_used);
	cJSON *table = cJSON_CreateArray();
	int r;

	add_usage(table, "Images", &images);
	add_usage(table, "Containers", &containers);
	add_usage(table, "Local Volumes", &volumes);
	add_usage(table, "Build Cache", &cache);
	r = table_print(table, columns, ARRAY_SIZE(columns), format, true);
	cJSON_Delete(table);
	return r;
}

/* --- each of them ----------------------------------------------------------------------------------------- */
static void put_size(cJSON *row, const char *key, double bytes)
{
	char text[32] = "N/A";

	if (bytes >= 0)
		text_size(text, sizeof(text), bytes, SIZE_LONG);
	cJSON_AddStringToObject(row, key, text);
}

static void put_count(cJSON *row, const char *key, double n)
{
	char text[32] = "N/A";

	if (n >= 0)
		snprintf(text, sizeof(text), "%.0f", n);
	cJSON_AddStringToObject(row, key, text);
}

static cJSON *df_image(const cJSON *image, bool whole)
{
	const char *tag = json_text_at(image, "RepoTags.0");
	cJSON *row = image_row(image, *tag ? tag : "<none>", whole);
	double size = json_number_at(image, "Size"), shared = json_number_at(image, "SharedSize");

	put_size(row, "SharedSize", shared);
	put_size(row, "UniqueSize", shared >= 0 ? size - shared : -1);
	put_count(row, "Containers", json_number_at(image, "Containers"));
	return row;
}

static cJSON *df_container(const cJSON *container, bool whole)
{
	cJSON *row = container_row(container, whole);
	const cJSON *mount;
	char size[32];
	unsigned volumes = 0;

	cJSON_ArrayForEach(mount, json_at(container, "Mounts"))
		volumes += strcmp(json_text_at(mount, "Type"), "volume") == 0;
	put_count(row, "LocalVolumes", volumes);
	/* Here without that of the image. */
	text_size(size, sizeof(size), at_least_0(container, "SizeRw"), SIZE_SHORT);
	cJSON_ReplaceItemInObjectCaseSensitive(row, "Size", cJSON_CreateString(size));
	return row;
}

static cJSON *df_volume(const cJSON *volume, bool whole)
{
	static const char *const keys[] = { "Name", "Driver", "Mountpoint", "Scope" };
	cJSON *row = cJSON_CreateObject();

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		cJSON_AddStringToObject(row, keys[i], json_text_at(volume, keys[i]));
	row_add_labels(row, json_at(volume, "Labels"));
	put_count(row, "Links", json_number_at(volume, "UsageData.RefCount"));
	put_size(row, "Size", json_number_at(volume, "UsageData.Size"));
	return row;
}

static const struct df_kind {
	const char *key, *title;
	cJSON *(*row)(const cJSON *item, bool whole);
	struct column columns[8];
} kinds[] = {
	{ "Images", "Images space usage:", df_image,
	  { { "REPOSITORY", "Repository" }, { "TAG", "Tag" }, { "IMAGE ID", "ID" }, { "CREATED", "CreatedSince" },
	    { "SIZE", "Size" }, { "SHARED SIZE", "SharedSize" }, { "UNIQUE SIZE", "UniqueSize" },
	    { "CONTAINERS", "Containers" } } },
	{ "Containers", "Containers space usage:", df_container,
	  { { "CONTAINER ID", "ID" }, { "IMAGE", "Image" }, { "COMMAND", "Command" },
	    { "LOCAL VOLUMES", "LocalVolumes" }, { "SIZE", "Size" }, { "CREATED", "RunningFor" },
	    { "STATUS", "Status" }, { "NAMES", "Names" } } },
	{ "Volumes", "Local Volumes space usage:", df_volume,
	  { { "VOLUME NAME", "Name" }, { "LINKS", "Links" }, { "SIZE", "Size" } } },
	/* Nothing is built here: there are none. */
	{ "BuildCache", "Build cache usage: 0B", NULL,
	  { { "CACHE ID", "ID" }, { "CACHE TYPE", "CacheType" }, { "SIZE", "Size" }, { "CREATED", "CreatedSince" },
	    { "LAST USED", "LastUsedSince" }, { "USAGE", "UsageCount" }, { "SHARED", "Shared" } } },
};

static int show_each(const cJSON *df, const char *format)
{
	cJSON *all = cJSON_CreateObject();
	const cJSON *item;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct df_kind *k = &kinds[i];
		cJSON *rows = cJSON_AddArrayToObject(all, k->key);
		size_t n = 0;

		while (n < ARRAY_SIZE(k->columns) && k->columns[n].key)
			n++;
		cJSON_ArrayForEach(item, json_at(df, k->key))
			if (k->row)
				cJSON_AddItemToArray(rows, k->row(item, format != NULL));
		if (format)
			continue;
		printf("%s%s\n\n", i ? "\n" : "", k->title);
		r |= table_print(rows, k->columns, n, NULL, true);
	}
	if (format)
		r = template_print(stdout, strcmp(format, "json") == 0 ? "{{json .}}" : format, all) < 0;
	cJSON_Delete(all);
	return r;
}

int system_df(struct cli *cli, int argc, char **argv)
{
	static const struct option_row rows[] = {
		{ "format", 0, OPT_TEXT, offsetof(struct df_options, format), NULL, NULL,
		  "template, table TEMPLATE, or json" },
		{ "verbose", 'v', OPT_FLAG, offsetof(struct df_options, verbose), NULL, NULL, "each of them" },
	};
	struct df_options o = { 0 };
	cJSON *df = NULL;
	int n, r;

	r = OPTIONS(rows, &o, false, argc, argv, &n);
	if (r)
		return r < 0;
	if (n)
		return usage_of(argv[0], "[--format F] [-v]", n);
	if (api_call(cli, "GET", API "/system/df", NULL, &df) < 0)
		return 1;
	r = o.verbose ? show_each(df, o.format) : show_sums(df, o.format);
	cJSON_Delete(df);
	return r;
}
