/* Which right each route of the API takes: the table in controller/api/README.md says what the code does, line by line. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../controller/api/http_internal.h"
#include "../../helpers/shared/op_names.h"

enum { ROUTES_MAX = 256 };

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static unsigned of_code(char *lines[ROUTES_MAX])
{
	unsigned n = 0;

	for (size_t t = 0; t < n_route_tables; t++)
		for (size_t i = 0; i < *route_tables[t].n && n < ROUTES_MAX; i++) {
			const struct route *r = &route_tables[t].routes[i];

			if (asprintf(&lines[n], "%s %s %s", op_rights_name(r->rights), r->method, r->path) > 0)
				n++;
		}
	qsort(lines, n, sizeof(*lines), compare);
	return n;
}

/* Lines "    read GET /info": indented by four, as nothing else there is. */
static unsigned of_page(char *lines[ROUTES_MAX])
{
	FILE *f = fopen("controller/api/README.md", "re");
	char line[512], right[16], method[16], path[256];
	unsigned n = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	while (fgets(line, sizeof(line), f) && n < ROUTES_MAX)
		if (strncmp(line, "    ", 4) == 0 && sscanf(line, "%15s %15s %255s", right, method, path) == 3 &&
		    asprintf(&lines[n], "%s %s %s", right, method, path) > 0)
			n++;
	fclose(f);
	qsort(lines, n, sizeof(*lines), compare);
	return n;
}

static void rights(void)
{
	char *code[ROUTES_MAX], *page[ROUTES_MAX];
	unsigned n = of_code(code), m = of_page(page);

	CU_ASSERT_EQUAL(n, m);
	for (unsigned i = 0, k = 0; i < n || k < m;) {
		int order = i == n ? 1 : k == m ? -1 : strcmp(code[i], page[k]);

		CU_ASSERT_EQUAL(order, 0);
		if (order < 0)
			printf("\n  not on the page: %s\n", code[i]);
		if (order > 0)
			printf("\n  on the page only: %s\n", page[k]);
		i += order <= 0;
		k += order >= 0;
	}
	/* What changes something is never for those who may only read, but for questions that are asked by POST. */
	for (unsigned i = 0; i < n; i++)
		if (strncmp(code[i], "read ", 5) == 0)
			CU_ASSERT(strncmp(code[i] + 5, "GET ", 4) == 0 || strstr(code[i], "/wait"));
	for (unsigned i = 0; i < n; i++)
		free(code[i]);
	for (unsigned i = 0; i < m; i++)
		free(page[i]);
}

int main(void)
{
	CU_pSuite s;
	unsigned failed;

	CU_initialize_registry();
	s = CU_add_suite("routes", NULL, NULL);
	CU_add_test(s, "rights", rights);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
