/** Measures one bench by mitata: set-up, warm-up, samples, a check for leaked tensors, clean-up. */
import { checkLeaks, engineMemory } from "@winnow/tensor"
import { measure } from "mitata"
import type { Bench } from "./suite.ts"

/** `full` is mitata's own sampling; `quick` only shows that a bench runs. */
export type Sampling = "full" | "quick"

/** Times of one call, ns. With more than 12 samples mitata drops the two fastest and the two slowest. */
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
    // Calls below 5 us are timed in batches, as the clock's own cost would show; mitata's default of 65 us hides the
    // spread.
    batch_threshold: 5_000,
    // Calls below 50 ms are warmed further; mitata's default of 0.5 ms leaves the work of first calls in the samples.
    warmup_threshold: 50e6,
  },
  quick: { batch_threshold: 5_000, min_samples: 3, min_cpu_time: 2e6, warmup_samples: 1, batch_samples: 64 },
}

/**
 * Measures a bench. The engine must be open.
 *
 * @error any error of the bench, or LeakError when the timed call leaves tensors behind; its clean-up runs in any case
 */
export const measureBench = async ({ suite, name, setup }: Bench, sampling: Sampling): Promise<Measured> => {
  const steps = setup()
  try {
    const { value: timed } = await steps.next()
    if (timed === undefined) throw new Error(`bench ${suite}, ${name} yields nothing: yield the call to be timed`)
    const before = engineMemory()
    const stats = await measure(
      function* () {
        yield timed as () => unknown // mitata's types lack its computed parameters
      },
      // Values prepared for one call must not serve a batch of calls.
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
