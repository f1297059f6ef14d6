// The check that this process may use the tiles of AMX. Its name makes it the first of the checks: others touch tiles.
#include "variant.h"
#if defined(WINNOW_AMX)
#include "amx.h"
#endif

// 0 if the variant has no tiles or Linux grants them, else 1.
WINNOW_API int winnow_selfcheck_amx(void) {
#if defined(WINNOW_AMX)
  return winnow::amx_permitted() ? 0 : 1;
#else
  return 0;
#endif
}
