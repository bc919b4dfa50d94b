/* op_names.h - classes and rights of ops in words, for policies, API answers and the reference page. */
#ifndef POSTERN_SHARED_OP_NAMES_H
#define POSTERN_SHARED_OP_NAMES_H

#include "../protocol/message.h"

const char *op_class_name(enum op_class c);
const char *op_rights_name(enum op_rights r);

#endif
