/** Opens the tensor engine once for the whole test process. */
import { setDefaultTimeout } from "bun:test"
import { openEngine } from "@winnow/tensor"

// Bun 1.4.5 does not read `timeout` from bunfig.toml; some tests start processes, and machines are busy.
setDefaultTimeout(60_000)
await openEngine()
