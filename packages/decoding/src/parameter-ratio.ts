/** The proposer's size relative to the target's. */
import type { Decoder, Proposer } from "@winnow/core"
import { parameterCount } from "@winnow/models"

/** Parameters of the proposer over parameters of the target: the c of MBSU; 0 for a proposer without parameters. */
export const parameterRatio = ({ architecture }: Decoder, { parameters }: Proposer): number =>
  parameters / parameterCount(architecture)
