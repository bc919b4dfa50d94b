/* routes.c - all routes there are: each part of the engine brings its own array. */
#include "http_internal.h"

const struct route_table route_tables[] = {
	{ system_routes, &n_system_routes },
	{ container_routes, &n_container_routes },
	{ image_routes, &n_image_routes },
	{ archive_routes, &n_archive_routes },
	{ volume_routes, &n_volume_routes },
	{ df_routes, &n_df_routes },
	{ network_routes, &n_network_routes },
};
const size_t n_route_tables = sizeof(route_tables) / sizeof(route_tables[0]);
