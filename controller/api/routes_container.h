/* routes_container.h - what the files of container routes share. */
#ifndef POSTERN_API_ROUTES_CONTAINER_H
#define POSTERN_API_ROUTES_CONTAINER_H

struct container;
struct http_request;

/* The container that the path names, a reference; NULL: the error was answered. */
struct container *route_container(struct http_request *r);

void route_attach(struct http_request *r);
void route_resize(struct http_request *r);
void route_wait(struct http_request *r);
void route_logs(struct http_request *r);
void route_top(struct http_request *r);
void route_events(struct http_request *r);

#endif
