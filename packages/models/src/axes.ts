/** The axes of a description's parameters. */
import type { Attends, Axis, ParameterAxes, Widths } from "@winnow/core"
import { type Description, type Instruction, matricesOf, type Norm, stream } from "./instructions.ts"

/** The axis of the slot that a linear layer writes: its next reader tells. */
const writtenAxis = (layer: ReadonlyArray<Instruction>, at: number, to: string): Axis => {
  if (to === stream) return "stream"
  const reader = layer.slice(at + 1).find(({ from }) => from === to)
  if (reader?.op === "attend" || reader?.op === "headNorm") return "packed"
  return reader?.op === "norm" ? "stream" : "feed"
}

/** The axes of all parameters that instructions name. */
export const widthsOf = (of: Description<Attends>): Widths => {
  const parameters = new Map<string, ParameterAxes>()
  const feeds: Array<number> = []
  const put = (name: string | undefined, kind: ParameterAxes["kind"], axes: ReadonlyArray<Axis>, layer?: number) => {
    if (name !== undefined && !parameters.has(name)) parameters.set(name, { kind, axes, layer })
  }
  const norm = ({ scale, shift, plusOne }: Norm, layer?: number, to?: string) => {
    for (const name of [scale, shift])
      if (name !== undefined)
        parameters.set(name, {
          ...{ kind: "norm", axes: ["stream"], layer },
          ...(to === stream && { toStream: true }),
          ...(plusOne && name === scale && { plusOne: true }),
        })
  }
  put(of.embed.table, "table", ["fixed", "stream"])
  put(of.embed.positions, "table", ["fixed", "stream"])
  put(of.head.weight, "head", ["fixed", "stream"])
  for (const [l, layer] of of.layers.entries()) {
    const slots = new Map<string, Axis>([[stream, "stream"]])
    for (const [at, i] of layer.entries()) {
      const from = slots.get(i.from)!
      if (i.op === "norm") norm(i, l, i.to)
      if (i.op === "headNorm") for (const name of [i.queries, i.keys]) put(name, "norm", ["fixed"], l)
      if (i.op === "weigh") continue // `architectureOfWidths` refuses models with a private part
      const to =
        i.op === "linear"
          ? writtenAxis(layer, at, i.to)
          : i.op === "gate"
            ? "feed"
            : i.op === "attend"
              ? "context"
              : from
      for (const [n, { weight, bias }] of matricesOf(i).entries()) {
        const kinds: ReadonlyArray<Axis> = ["queries", "keys", "keys"]
        const apart = to === "packed" && matricesOf(i).length > 1
        const rows = apart ? kinds[n]! : i.op === "gate" && i.up === undefined ? "feeds" : to
        put(weight, "matrix", [rows, from], l)
        put(bias, "bias", [rows], l)
        if (from === "feed") feeds[l] = of.parameters.get(weight)!.shape[1]!
      }
      slots.set(i.to, to)
    }
  }
  norm(of.norm)
  const { scale, shift } = of.norm
  return {
    parameters,
    stream: of.hiddenSize,
    feeds,
    heads: of.heads,
    norms: of.norm.kind,
    embedScale: of.embed.scale ?? 1,
    lastNorm: shift === undefined ? [scale] : [scale, shift],
  }
}
