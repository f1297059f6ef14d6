/** `bun run native:check`: compiles and runs the C++ tests of the native library. See docs/engine.md. */
import { AttemptFailed, nativeCheck } from "@winnow/engine"
import { nativeSources } from "./sources.ts"

const passed = await nativeCheck(Bun.argv.slice(2), nativeSources).catch((cause: unknown) => {
  if (!(cause instanceof AttemptFailed)) throw cause
  console.error([cause.message, cause.remedy].join("\n"))
  return false
})
process.exit(passed ? 0 : 1)
