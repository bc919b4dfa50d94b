/* logfile.h - a container's log that is bounded: one file used as a ring, written by the monitor and read by the
 * controller.
 *
 * No file is renamed or opened to rotate, so a monitor that can open nothing goes on alone. The file is a head, a table
 * of slots and the slots' data, each at a fixed place (the file has holes). Generation g, from 1, lives in slot
 * (g - 1) % slots; its entry says how much of it is valid. A writer that goes on first empties the next entry, then
 * writes data, then the length; a reader takes what it read only if the generation is the same afterwards. Native byte
 * order: it never leaves the host. */
#ifndef POSTERN_PROTOCOL_LOGFILE_H
#define POSTERN_PROTOCOL_LOGFILE_H

#include <stdint.h>

#define LOG_MAGIC UINT64_C(0x31474f4c54534f50)
#define LOG_SLOTS_MAX 1024u
#define LOG_SIZE_MAX (UINT64_C(1) << 40)  /* of a slot */
#define LOG_SLACK (256u * 1024)           /* a slot is left once it is full: the last line may go beyond its size */
#define LOG_ARCHIVED (UINT64_C(1) << 63)  /* in length: compressed elsewhere, the data here is gone */
#define LOG_DATA (((sizeof(struct log_head) + LOG_SLOTS_MAX * sizeof(struct log_slot)) | 4095) + 1)

/* Lines to the host's journal, too; when that is behind, they wait a little for it or are dropped. 0: not there. */
enum { LOG_JOURNAL_WAITS = 1, LOG_JOURNAL_DROPS };

struct log_head {
	uint64_t magic, slots, size;
};
struct log_slot {
	uint64_t generation; /* 0: never used */
	uint64_t length;
};

static inline uint64_t log_entry_at(uint64_t slot)
{
	return sizeof(struct log_head) + slot * sizeof(struct log_slot);
}

static inline uint64_t log_data_at(uint64_t slot, uint64_t size)
{
	return LOG_DATA + slot * (size + LOG_SLACK);
}

#endif
