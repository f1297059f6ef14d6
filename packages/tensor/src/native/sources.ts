/** Where the C++ sources of the native library lie. */
import { join } from "node:path"

/** The folder of the C++ sources; `test` in it holds their tests. */
export const nativeSources = join(import.meta.dir, "..", "..", "native")
