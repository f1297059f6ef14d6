/** Each filter alone: statistics in, selection out. The suite `micro-batch` has the cost of statistics. */
import { adaspec } from "@winnow/filter-adaspec"
import { focusFinetune } from "@winnow/filter-focus-finetune"
import { none } from "@winnow/filter-none"
import { random } from "@winnow/filter-random"
import { instanceOf, randomFilterInput } from "@winnow/testing"
import { do_not_optimize } from "mitata"
import type { Suite } from "../suite.ts"

const uses = [none(), random({ k: 0.4 }), adaspec({ k: 0.4 }), focusFinetune({ k: 0.4 })]

/** N = 1024 is a micro-batch of our experiments, 16384 one of a large run. */
export const filters: Suite = ({ bench }) => {
  for (const use of uses)
    for (const N of [1024, 16384])
      bench(`${use.name}, N = ${N}`, {
        work: { amount: N, unit: "tokens/s" },
        setup: async function* () {
          const filter = await instanceOf(use)
          const input = randomFilterInput(N, 1)
          yield () => do_not_optimize(filter.select(input))
        },
      })
}
