/** Makes a filter or loss instance without a lab: the models that its type asks for are there, and must not be touched. */
import { Reference, Target, type Use } from "@winnow/core"
import { Effect } from "effect"

const untouchable = <T extends object>(what: string): T =>
  new Proxy({} as T, {
    get: (_, key) => {
      throw new Error(
        `read ${what}.${String(key)} in a law: statistics and logits are given by the step, a filter or loss that also ` +
          `needs the ${what} itself must be given one: provide the service to the use's \`instance\` before the law`,
      )
    },
  })

/**
 * The instance of a plugin's use, its options checked.
 *
 * @error InvalidInput when the options are not valid
 */
export const instanceOf = <Instance>(use: Use<"filter" | "loss", Instance, Reference | Target>): Promise<Instance> =>
  Effect.runPromise(
    use.instance.pipe(
      Effect.provideService(Reference, untouchable("reference")),
      Effect.provideService(Target, untouchable("target")),
    ),
  )
