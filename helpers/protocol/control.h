/* control.h - the launcher to the controller: one helper's channel, and a new one after each restart of the helper.
 *
 * A SEQPACKET socket, one way. Each datagram is this message and one fd, the controller's end of the channel (names.h:
 * fd 3 of the controller). Native byte order. */
#ifndef POSTERN_PROTOCOL_CONTROL_H
#define POSTERN_PROTOCOL_CONTROL_H

#include <stdint.h>

struct control_message {
	uint32_t helper; /* enum helper_id */
	uint32_t restarts;
};

#endif
