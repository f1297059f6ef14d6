/** Opens the tensor engine once for the whole test process. */
import { openEngine } from "@winnow/tensor"

await openEngine()
