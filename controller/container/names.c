/* names.c - names for containers that were given none: adjective_noun, as Docker's users are used to. */
#include <stdio.h>
#include <sys/random.h>

#include "../../helpers/base/cleanup.h"
#include "internal.h"

static const char *const adjectives[] = {
	"agile",  "amber",   "ample",	"apt",	   "bold",   "brave",	"breezy",   "bright",  "brisk",	  "calm",
	"candid", "careful", "cheery",	"civil",   "clear",  "clever",	"cosmic",   "crisp",   "curious", "daring",
	"deft",	  "eager",   "earnest", "elegant", "fabled", "fair",	"fearless", "festive", "fleet",	  "fond",
	"frank",  "gallant", "gentle",	"glad",	   "golden", "grand",	"happy",    "hardy",   "hearty",  "honest",
	"humble", "jolly",   "keen",	"kind",	   "lively", "loyal",	"lucid",    "lucky",   "mellow",  "merry",
	"mighty", "modest",  "neat",	"nimble",  "noble",  "patient", "plucky",   "polite",  "proud",	  "quick",
	"quiet",  "ready",   "robust",	"serene",  "sharp",  "silent",	"sincere",  "smart",   "snug",	  "solid",
	"spry",	  "stable",  "steady",	"stoic",   "sturdy", "sunny",	"swift",    "tender",  "tidy",	  "tough",
	"trusty", "upbeat",  "valiant", "vivid",   "warm",   "wise",	"witty",    "zesty",
};
static const char *const nouns[] = {
	"abbey",      "alcove",	 "arch",     "atrium",	"attic",   "bailey",   "balcony", "barbican", "barn",
	"bastion",    "beacon",	 "belfry",   "bridge",	"bulwark", "canal",    "castle",  "causeway", "cellar",
	"chapel",     "citadel", "cloister", "column",	"cottage", "court",    "dome",	  "door",     "dormer",
	"drawbridge", "fort",	 "foyer",    "gable",	"gallery", "garret",   "gate",	  "granary",  "hall",
	"harbour",    "hearth",	 "keep",     "lantern", "latch",   "library",  "lintel",  "loft",     "lodge",
	"manor",      "mill",	 "minster",  "moat",	"nave",	   "orchard",  "outpost", "palace",   "parapet",
	"pavilion",   "pier",	 "pillar",   "plaza",	"porch",   "portal",   "portico", "quay",     "rampart",
	"redoubt",    "roof",	 "rotunda",  "spire",	"stable",  "stairway", "steeple", "terrace",  "threshold",
	"tower",      "trellis", "turret",   "vault",	"veranda", "viaduct",  "villa",	  "wall",     "wharf",
	"wicket",     "window",	 "workshop", "yard",
};

bool container_id_fits(const uint8_t id[ID_BYTES])
{
	for (unsigned i = 0; i < 6; i++)
		if (id[i] >> 4 > 9 || (id[i] & 15) > 9)
			return true;
	return false;
}

void container_name_generate(struct engine *e, char *ret, size_t size)
{
	for (unsigned attempt = 0;; attempt++) {
		uint32_t r[3] = { 0 };

		if (getrandom(r, sizeof(r), 0) != sizeof(r))
			r[2] = attempt;
		int n = snprintf(ret, size, "%s_%s", adjectives[r[0] % ARRAY_SIZE(adjectives)],
				 nouns[r[1] % ARRAY_SIZE(nouns)]);

		/* Docker adds a digit when names get scarce. */
		if (attempt >= 5 && n > 0 && (size_t)n < size)
			snprintf(ret + n, size - (size_t)n, "%u", r[2] % (attempt < 10 ? 10 : 1000000));
		if (!container_by_name(e, ret))
			return;
	}
}
