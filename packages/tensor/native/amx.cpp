// The check that this process may use the tiles of AMX. It is the first of the checks, by its name: others touch tiles.
#include "variant.h"
#if defined(WINNOW_AMX)
#include "amx.h"
#endif

// 0 where the variant has no tiles or Linux grants them, else 1.
WINNOW_API int winnow_selfcheck_amx(void) {
#if defined(WINNOW_AMX)
  return winnow::amx_permitted() ? 0 : 1;
#else
  return 0;
#endif
}
