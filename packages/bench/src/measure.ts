/** One bench, measured by mitata: set up, warmed, sampled, checked for tensors left behind, cleaned up. */
import { checkLeaks, engineMemory } from "@winnow/tensor"
import { measure } from "mitata"
import type { Bench } from "./suite.ts"

/** `full` is mitata's own sampling; `quick` only shows that a bench runs. */
export type Sampling = "full" | "quick"

/** Times of one call, ns. Of more than 12 samples mitata leaves out the two fastest and the two slowest. */
export interface Measured {
  readonly medianNs: number
  readonly p25Ns: number
  readonly p75Ns: number
  readonly minNs: number
  readonly maxNs: number
  readonly samples: number
}

const options = {
  full: {
    // Calls below 5 us are timed many at a time, as the clock's own cost would show; mitata's 65 us hides the spread.
    batch_threshold: 5_000,
    // Calls below 50 ms are warmed further; mitata's 0.5 ms leaves what only the first calls do in the samples.
    warmup_threshold: 50e6,
  },
  quick: { batch_threshold: 5_000, min_samples: 3, min_cpu_time: 2e6, warmup_samples: 1, batch_samples: 64 },
}

/**
 * Measures a bench. The engine must be open.
 *
 * @error whatever the bench throws, or LeakError when what is timed leaves tensors behind; its clean-up runs all the same
 */
export const measureBench = async ({ suite, name, setup }: Bench, sampling: Sampling): Promise<Measured> => {
  const steps = setup()
  try {
    const { value: timed } = await steps.next()
    if (timed === undefined) throw new Error(`bench ${suite}, ${name} yields nothing: yield what is to be timed`)
    const before = engineMemory()
    const stats = await measure(
      function* () {
        yield timed as () => unknown // mitata's types leave its computed parameters out
      },
      // what is prepared for one call must not be prepared for many at once
      { ...options[sampling], ...(typeof timed === "function" ? {} : { batch_threshold: -1 }) },
    )
    checkLeaks(before, `bench ${suite}, ${name}`)
    await steps.next()
    return {
      medianNs: stats.p50,
      p25Ns: stats.p25,
      p75Ns: stats.p75,
      minNs: stats.min,
      maxNs: stats.max,
      samples: stats.samples.length,
    }
  } finally {
    await steps.return()
  }
}
