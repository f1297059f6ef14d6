// Whether this process may use the tiles of AMX. Of the parts' checks it runs first, by its name: the others would touch tiles.
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
