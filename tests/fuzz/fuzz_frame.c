/* Frames of every op: what decodes must encode to the same bytes, and renders. */
#include <stdlib.h>
#include <string.h>

#include "../../helpers/protocol/frame.h"
#include "../../helpers/protocol/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static union any_message m;
	static uint8_t out[FRAME_MAX];
	static char text[8192];
	int fds[FRAME_FDS_MAX], back[FRAME_FDS_MAX];
	size_t len, nfds;

	if (size < 3)
		return 0;
	const struct op_desc *op = op_desc(data[0] % OP_COUNT);
	const struct message_desc *d = data[1] & 1 ? &op->rep : &op->req;

	for (size_t i = 0; i < FRAME_FDS_MAX; i++)
		fds[i] = 1000 + (int)i;
	if (message_decode(d, data + 3, size - 3, fds, data[2] % FRAME_FDS_MAX, &m) < 0)
		return 0;
	if (message_encode(d, &m, out, sizeof(out), &len, back, FRAME_FDS_MAX, &nfds) < 0 || len != size - 3 ||
	    memcmp(out, data + 3, len) != 0 || nfds != data[2] % FRAME_FDS_MAX)
		abort();
	message_render(d, &m, text, sizeof(text));
	return 0;
}
