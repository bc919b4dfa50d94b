/* err.h - an error with the text for the user. Set only on failure; the first one stays. */
#ifndef POSTERN_ERR_H
#define POSTERN_ERR_H

struct err {
	int status; /* HTTP status; 0: none set */
	char message[1024];
};

/* Returns -1 so that `return err_set(err, 404, "No such container: %s", name);` reads well. err may be NULL. */
int err_set(struct err *err, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
