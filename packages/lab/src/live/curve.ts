/** The loss of one training, at the resolution of a plot. */
import { join } from "node:path"
import { parseJson } from "@winnow/files"
import { eventsFile, metricsFile } from "../stage.ts"
import { openTail, type Tail } from "./tail.ts"

/** Most points of a curve. */
const mostPoints = 240

/** Means of neighbouring steps: the more steps, the more of them a point has. */
export class Curve {
  #stride = 1
  #bins: Array<{ at: number; step: number; sum: number; count: number }> = []

  /** Adds the loss of a step, counted from 1; steps come in order. */
  add(step: number, loss: number): void {
    const at = Math.floor((step - 1) / this.#stride)
    const last = this.#bins.at(-1)
    if (last?.at === at) {
      last.sum += loss
      last.step = step
      last.count++
    } else this.#bins.push({ at, step, sum: loss, count: 1 })
    if (this.#bins.length > mostPoints) this.#halve()
  }

  /** Removes the steps after one, which an attempt makes again; the point that it lies in goes as well. */
  cut(step: number): void {
    this.#bins = this.#bins.filter((bin) => bin.step <= step)
  }

  #halve(): void {
    this.#stride *= 2
    const merged = Map.groupBy(this.#bins, ({ at }) => at >> 1)
    this.#bins = [...merged].map(([at, bins]) => ({
      at,
      step: bins.at(-1)!.step,
      sum: bins.reduce((sum, bin) => sum + bin.sum, 0),
      count: bins.reduce((sum, bin) => sum + bin.count, 0),
    }))
  }

  /** Step and mean loss: a point lies at the last step of its own. */
  get points(): ReadonlyArray<readonly [step: number, loss: number]> {
    return this.#bins.map(({ step, sum, count }) => [step, sum / count])
  }
}

/** A step of a training, as its events have it. */
export interface LiveStep {
  readonly step: number
  readonly steps: number
  readonly loss: number
  readonly learningRate: number
  readonly gradNorm: number
  readonly keptFraction: number
}

/** Reads the steps of one training while it runs and after it ended: each step once, a step after a resume again. */
export interface TrainingTail {
  /**
   * @param partial true while the stage runs
   * @param onStep gets each new step
   * @param onCut gets the step that the training goes on from, where it makes steps again
   * @returns true if there was a new event
   */
  readonly read: (partial: boolean, onStep: (step: LiveStep) => void, onCut: (step: number) => void) => boolean
  /** True once all of an ended training is read. */
  readonly whole: () => boolean
}

/** @param folder of the artifact */
export const trainingTail = (folder: string): TrainingTail => {
  const open = (partial: boolean): Tail =>
    partial ? openTail(join(`${folder}.partial`, eventsFile)) : openTail(join(folder, metricsFile))
  let running = open(true)
  let ended: Tail | undefined
  let last = 0
  let whole = false
  return {
    whole: () => whole,
    read: (partial, onStep, onCut) => {
      if (partial && ended !== undefined) {
        running = open(true)
        ended = undefined
        whole = false
      }
      if (!partial) ended ??= open(false)
      const { lines, again } = (ended ?? running).read()
      if (again) {
        last = 0
        onCut(0)
      }
      for (const line of lines) {
        const event = eventOf(line)
        if (event === undefined) continue
        const { _tag, step } = event
        if (typeof step !== "number") continue
        // An attempt without a checkpoint begins again at step 0.
        const back = _tag === "resumed" || (_tag === "head" && step === 0)
        if (back && step < last && ended === undefined) {
          last = step
          onCut(step)
        }
        if (_tag !== "step" || step <= last) continue
        last = step
        onStep(event as unknown as LiveStep)
      }
      whole = ended !== undefined && lines.length === 0
      return lines.length > 0 || again
    },
  }
}

const eventOf = (line: string): Record<string, unknown> | undefined => {
  try {
    return parseJson(line) as Record<string, unknown>
  } catch {
    return undefined // A kill cut it short.
  }
}
