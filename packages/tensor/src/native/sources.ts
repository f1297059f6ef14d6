/** The place of the native library's C++ sources. */
import { join } from "node:path"

/** The folder of the C++ sources; `test` in it holds their tests. */
export const nativeSources = join(import.meta.dir, "..", "..", "native")
