/** Builds a micro-batch with the head that its parts choose: for tests, which change one part at a time. */
import { type HeadSetting, headFor } from "./head/head.ts"
import type { MicroBatch } from "./micro-batch.ts"

export type Parts = Omit<MicroBatch, "head"> & Omit<HeadSetting, "filter">

export const withHead = ({ loss, signals, precision, chunkRows, library, ...rest }: Parts): MicroBatch => ({
  ...rest,
  head: headFor({ filter: rest.filter, loss, signals, precision, chunkRows, library }),
})
