/** The code of a stage in the form that its key holds: revisions, the arithmetic of tensors, the stage's plugins. */
import type { AnyUse } from "@winnow/core"
import { engineInfo } from "@winnow/tensor"
import { arithmetic } from "./arithmetic.ts"
import { type PluginCode, pluginCodes } from "./plugin-code.ts"
import { type Revision, revisions } from "./revisions.ts"

/** The part of the code that is in a key. */
export interface StageCode {
  readonly revisions: Readonly<Partial<Record<Revision, number>>>
  readonly arithmetic?: Readonly<Record<string, string>>
  readonly plugins?: Readonly<Record<string, PluginCode>>
}

/**
 * Code of a stage.
 *
 * @param spec.tensors true if the stage computes with tensors; the engine must then be open
 */
export const stageCode = (spec: {
  readonly revisions: ReadonlyArray<Revision>
  readonly tensors: boolean
  readonly plugins?: ReadonlyArray<AnyUse>
}): StageCode => {
  const plugins = pluginCodes(spec.plugins ?? [])
  return {
    revisions: Object.fromEntries(spec.revisions.map((name) => [name, revisions[name]])),
    ...(spec.tensors ? { arithmetic: { ...arithmetic(), tensorflow: engineInfo().version } } : {}),
    ...(Object.keys(plugins).length > 0 ? { plugins } : {}),
  }
}
