/** TensorBoard logs, by TensorFlow's own summary writer. */

import type { Backend } from "../backend.ts"
import type { Attribute } from "../binding/attributes.ts"
import { backend } from "../engine.ts"
import { tf } from "../tf.ts"

/** The parts of tfjs-node-gpu's backend that write summaries. */
interface Summaries extends Backend {
  summaryWriter(folder: string): tf.Tensor
  createSummaryFileWriter(writer: tf.Tensor, folder: string, queue: number, milliseconds: number, suffix: string): void
  writeScalarSummary(writer: tf.Tensor, step: number, name: string, value: number): void
  flushSummaryWriter(writer: tf.Tensor): void
}

/** Scalars that wait at most before they are written, and milliseconds after which they are in any case. */
const [QUEUE, MILLISECONDS] = [1000, 10_000]

/** A file of scalars. */
export interface SummaryWriter {
  /** @param step a whole number from 0 on */
  readonly scalar: (name: string, value: number, step: number) => void
  readonly flush: () => void
  /** Writes what waits, and frees the writer. */
  readonly close: () => void
}

/**
 * Opens a file of scalars in a folder, which is made if it is missing. Needs the engine.
 *
 * TFJS's `summaryFileWriter` keeps each writer for the life of the process; these end.
 *
 * Call it outside of `tf.tidy`, which would dispose the writer.
 *
 * @param suffix end of the file's name
 * @error Error where TensorFlow cannot write there, at once or with a later scalar
 */
export const openSummaries = (folder: string, suffix = ".v2"): SummaryWriter => {
  const of = backend() as Summaries
  const writer = of.summaryWriter(folder)
  try {
    tf.tidy(() => of.createSummaryFileWriter(writer, folder, QUEUE, MILLISECONDS, suffix))
  } catch (error) {
    writer.dispose()
    throw error
  }
  const none: ReadonlyArray<Attribute> = []
  return {
    scalar: (name, value, step) => of.writeScalarSummary(writer, step, name, value),
    flush: () => of.flushSummaryWriter(writer),
    close: () => {
      try {
        of.executeMultipleOutputs("CloseSummaryWriter", none, [writer], 0)
      } finally {
        writer.dispose()
      }
    },
  }
}
