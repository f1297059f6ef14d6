/**
 * The time of a step by part: beginning and end of every call into native code and TensorFlow, and the step's phases.
 */
import type { Decoder } from "@winnow/core"
import { backend, native } from "@winnow/tensor"
import type { makeOptimizer } from "@winnow/training"

/** Milliseconds from the step's beginning. */
export interface Span {
  readonly name: string
  readonly start: number
  readonly end: number
}

/** One step: its phases in sequence, and the calls in them. Time outside of calls is JavaScript. */
export interface StepSpans {
  readonly milliseconds: number
  readonly phases: ReadonlyArray<Span>
  readonly calls: ReadonlyArray<Span>
}

interface Watched {
  readonly draft: Decoder
  readonly target: Decoder | undefined
  readonly reference: Decoder | undefined
  readonly optimizer: ReturnType<typeof makeOptimizer>
}

type AnyFunction = (...args: Array<never>) => unknown

/**
 * Watches the calls of a process from now on. Watching adds about 0.2 us to each call.
 *
 * @returns a function that runs one step and returns its spans
 */
export const watchCalls = ({ draft, target, reference, optimizer }: Watched) => {
  let [calls, marks]: [Array<Span>, Array<Span>] = [[], []]
  const timed = <F extends AnyFunction>(
    name: string | ((...args: Parameters<F>) => string),
    into: "call" | "mark",
    f: F,
  ) =>
    ((...args: Parameters<F>) => {
      const start = performance.now()
      try {
        return f(...args)
      } finally {
        const span = { name: typeof name === "string" ? name : name(...args), start, end: performance.now() }
        ;(into === "call" ? calls : marks).push(span)
      }
    }) as F

  const { binding } = backend()
  binding.executeOp = timed((op: string) => op, "call", binding.executeOp.bind(binding) as never)
  const C = (native()?.C ?? {}) as Record<string, AnyFunction>
  for (const [name, f] of Object.entries(C)) {
    const kernel = name.replace("winnow_", "")
    C[name] = timed(kernel, "call", f)
    if (kernel.startsWith("head_")) C[name] = timed(kernel, "mark", C[name])
  }
  const forward = (model: Decoder | undefined, name: string) => {
    if (model !== undefined) Object.assign(model, { hidden: timed(name, "mark", model.hidden as AnyFunction) })
  }
  forward(target, "target forward")
  forward(reference, "reference forward")
  forward(draft, "draft forward")
  optimizer.apply = timed("optimizer", "mark", optimizer.apply.bind(optimizer) as AnyFunction) as typeof optimizer.apply

  return (step: () => void): StepSpans => {
    ;[calls, marks] = [[], []]
    const began = performance.now()
    step()
    const finish = performance.now()
    const shift = ({ name, start, end }: Span): Span => ({ name, start: start - began, end: end - began })
    return { milliseconds: finish - began, phases: phasesOf(marks.map(shift), finish - began), calls: calls.map(shift) }
  }
}

/** Names of the gaps between two marks, by the work of the step there. */
const gapNames: Readonly<Record<string, string>> = { "head_gradient optimizer": "draft backward and clipping" }

/** The marks in order, with the gaps between them. */
const phasesOf = (marks: ReadonlyArray<Span>, milliseconds: number): ReadonlyArray<Span> => {
  const names: Readonly<Record<string, string>> = { head_statistics: "statistics", head_gradient: "kept rows" }
  const phases: Array<Span> = []
  let [before, at] = ["", 0]
  const gap = (until: number, next: string) => {
    if (until - at < 0.05) return
    phases.push({ name: gapNames[`${before} ${next}`] ?? "between", start: at, end: until })
  }
  for (const mark of marks.toSorted((a, b) => a.start - b.start)) {
    gap(mark.start, mark.name)
    phases.push({ ...mark, name: names[mark.name] ?? mark.name })
    ;[before, at] = [mark.name, mark.end]
  }
  gap(milliseconds, "")
  return phases
}
