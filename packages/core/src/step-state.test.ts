/** States are joined, saved through JSON and restored into others of the same names. */
import { expect, test } from "bun:test"
import { tf } from "@winnow/tensor"
import type { Encoder } from "./model.ts"
import { jointState, type StepState, variablesState } from "./step-state.ts"

const draft = {} as Encoder // The hooks of these states do not read it.

const counter = (calls: Array<string>, name: string) => {
  let count = 0
  const state: StepState = {
    before: (step) => calls.push(`${name} before ${step}`),
    after: (step) => {
      calls.push(`${name} after ${step}`)
      count++
    },
    save: () => count,
    restore: (saved) => {
      count = saved as number
    },
  }
  return { state, count: () => count }
}

test("states of states keep their names, hooks and numbers apart", () => {
  const tensors = tf.memory().numTensors
  const calls: Array<string> = []
  const make = () => {
    const parts = { a: counter(calls, "a"), b: counter(calls, "b") }
    const variable = tf.tidy(() => tf.variable(tf.tensor1d([0, 0])))
    const inner = jointState({ b: parts.b.state, none: { save: () => null, restore: () => expect.unreachable() } })
    const state = jointState({ a: parts.a.state, inner, variables: variablesState(new Map([["w", variable]])) })
    return { ...parts, variable, state }
  }
  const [from, to] = [make(), make()]
  from.state.before!(0, draft)
  from.state.after!(1, draft)
  from.a.state.after!(2, draft)
  tf.tidy(() => from.variable.assign(tf.tensor1d([1, 2])))
  expect(calls).toEqual(["a before 0", "b before 0", "a after 1", "b after 1", "a after 2"])

  const saved = JSON.parse(JSON.stringify(from.state.save()))
  expect(saved).toEqual({ a: 2, inner: { b: 1, none: null }, variables: null })
  expect([...from.state.tensors!.keys()]).toEqual(["variables/w"])
  for (const [name, { read }] of from.state.tensors!) to.state.tensors!.get(name)!.write(read())
  to.state.restore(saved)
  expect([to.a.count(), to.b.count(), ...to.variable.dataSync()]).toEqual([2, 1, 1, 2])

  // A save from before a state was added leaves that state unchanged.
  to.state.restore({ inner: { b: 7 } })
  expect([to.a.count(), to.b.count()]).toEqual([2, 7])
  tf.dispose([from.variable, to.variable])
  expect(tf.memory().numTensors).toBe(tensors)
})
