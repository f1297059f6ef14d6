/** How much smaller the proposer is. */
import type { Decoder, Proposer } from "@winnow/core"
import { parameterCount } from "@winnow/models"

/** Parameters of the proposer over those of the target: the c of MBSU, 0 for a proposer without any. */
export const parameterRatio = ({ architecture }: Decoder, { parameters }: Proposer): number =>
  parameters / parameterCount(architecture)
