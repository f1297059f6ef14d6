/** An experiment whose arms kill the process that trains them: one once, one always. */
import { appendFileSync, existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { defineLoss } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { arm } from "../src/index.ts"
import { everything, squares, tiny } from "./tiny.ts"

/** True if this process is a worker: the run itself tries each loss too, before its first stage. */
const inWorker = process.argv[1]?.endsWith("worker-main.ts") === true

/**
 * Squares, but the first `times` workers that compute the loss are killed. The folder WINNOW_TEST_DEATHS counts them.
 */
const deadly = defineLoss({
  name: "deadly",
  target: true,
  options: type({ "+": "reject", times: "number.integer >= 0" }),
  make: ({ times }) => ({
    value: ({ draft, target }) => {
      const file = join(process.env["WINNOW_TEST_DEATHS"]!, `deaths-${times}`)
      if (inWorker && (!existsSync(file) || readFileSync(file).length < times)) {
        appendFileSync(file, "x")
        process.kill(process.pid, "SIGKILL")
      }
      return tf.sum(tf.squaredDifference(draft.p_RV(), target.p_RV()), 1)
    },
  }),
})

const budget = { steps: 6, batchSize: 4, optimizer: { warmup: 2 } }

export default {
  ...tiny,
  name: "deadly",
  arms: {
    all: arm({ filter: everything(), loss: squares(), ...budget }),
    once: arm({ filter: everything(), loss: deadly({ times: 1 }), ...budget }),
    always: arm({ filter: everything(), loss: deadly({ times: 1000 }), ...budget }),
  },
  seeds: [1],
  plugins: [...tiny.plugins!, deadly],
}
