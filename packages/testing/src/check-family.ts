/** The laws that every family of models keeps. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Architecture, type Attends, attendsBefore, type Encoder, type Family } from "@winnow/core"
import { initialise, loadModel, plainDecoding, saveModel } from "@winnow/models"
import { Effect } from "effect"
import { checkModel } from "./check-model.ts"
import { lawsOf } from "./law.ts"

const roundTrip =
  (family: Family) =>
  async (model: Encoder): Promise<Encoder> => {
    const dir = mkdtempSync(join(tmpdir(), "winnow-family-"))
    try {
      await Effect.runPromise(saveModel(model, dir))
      return await Effect.runPromise(loadModel(dir, [family]))
    } finally {
      rmSync(dir, { recursive: true })
    }
  }

/** Parameters as text: names and shapes in order. */
const description = ({ parameters, head }: Architecture<Attends>) =>
  `${[...parameters].map(([name, { shape }]) => `${name} [${shape}]`).join(", ")}; head ${head}`

/** The laws of models with decoding by TFJS, independent of the native library. */
const checkPlainDecoding = (architecture: Architecture): Promise<void> =>
  checkModel((seed) => {
    const model = initialise(architecture, seed)
    return { ...model, decoding: (pad_B?: Int32Array) => plainDecoding(architecture, model.parameters, pad_B) }
  })

/**
 * Checks a family at one set of options: `checkModel`, for a decoder with native decoding if there is a native library,
 * and with plain decoding; a model that is saved and read again is the same; the written config.json describes the
 * architecture and has no field that the family does not know; the layers of a decoder can be decoded natively.
 *
 * @param options small ones: 12 positions or more, an `initializer_range` near 0.3
 * @error LawBroken names the law and the case
 */
export const checkFamily = async (family: Family, options: unknown): Promise<void> => {
  const architecture = await Effect.runPromise(family.use(options).instance)
  const law = lawsOf(`family ${family.plugin}`)
  law("type", architecture.type === family.plugin, () => `${architecture.type} is the type of its architectures`)
  const again = family.fromConfig(JSON.parse(JSON.stringify(architecture.config)), "config.json")
  law(
    "config",
    description(again) === description(architecture),
    () => `its config.json means ${description(again)}, not ${description(architecture)}`,
  )
  law("config", again.notes === undefined, () => `of its own config.json it says ${again.notes}`)
  if (attendsBefore(architecture)) await checkPlainDecoding(architecture)
  law(
    "native",
    !attendsBefore(architecture) || architecture.nativeProgram?.() !== undefined,
    () => "its layers have no native program",
  )
  const make = (seed: number) => initialise(architecture, seed)
  await checkModel(make, { roundTrip: roundTrip(family) })
}
