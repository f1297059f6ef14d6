/** How much smaller the draft is. */
import type { Model } from "@winnow/core"
import { parameterCount } from "@winnow/models"

/** Draft parameters / target parameters: the c of MBSU. */
export const parameterRatio = (target: Model, draft: Model): number =>
  parameterCount(draft.architecture) / parameterCount(target.architecture)
