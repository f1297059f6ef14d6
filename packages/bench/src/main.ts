/** `bun run bench`: the mitata suites, or one of the side-by-side runs against a peer. */
import { benchStep } from "./step/bench-step.ts"

const [name, ...rest] = process.argv.slice(2)
if (name === "step") await benchStep(rest)
else console.log("bun run bench step [--peer PYTHON]")
