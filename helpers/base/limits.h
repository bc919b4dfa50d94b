/* limits.h - every bound that grows with a user or a peer has its name here. */
#ifndef POSTERN_BASE_LIMITS_H
#define POSTERN_BASE_LIMITS_H

#define ID_BYTES 32                  /* container, layer and chain ids: SHA-256 or random, raw */
#define ID_HEX (2 * ID_BYTES)        /* the same in lower-case hex, without the final NUL */
#define FRAME_MAX 65536u             /* bytes of one datagram, header included */
#define FRAME_FDS_MAX 200u           /* fds in one datagram; SCM_MAX_FD of the kernel is 253 */
#define LAYERS_MAX 127u              /* layers of one image, as Docker has it */
#define BINDS_MAX 48u                /* bind, volume and device mounts of one container */
#define CGROUP_V1_MAX 8u             /* version 1 hierarchies that one container joins */
#define TICKETS_MAX 1024u            /* sources and mappings that mount keeps for the controller */
#define CHANNELS_MAX 16u             /* channels of one helper: its first, private ones, derived ones */
#define CONTAINERS_MAX 4096u         /* containers that one engine keeps running */
#define DEVICE_RULES_MAX 32u         /* device rules of one container (unrolled in the BPF program) */
#define NAME_MAX_LEN 128u            /* container and volume names */
#define STAGE_MAX 64u                /* name of the step at which a call failed */
#define RULE_MAX 64u                 /* name of the policy rule that decided */
#define MAP_SIZE 65536u              /* ids of one container */
#define RANGE_STRIDE (MAP_SIZE + 1)  /* between two: at multiples all roots are in one bucket of the kernel's uids */
#define OVERFLOW_ID 65534u           /* "nobody" in images, and how the kernel shows an id that it cannot show */
#define FOREIGN_FIRST 2147352576u    /* systemd's 'foreign' range: how ids of images stand on disk */
#define CALL_DEADLINE_MS 2000        /* a helper's answer to another helper, audit included */
#define SPEC_MAX (1u << 20)          /* bytes of an OCI runtime spec */
#define AUDIT_RECORD_MAX 16384u      /* bytes of one audit record */

#endif
