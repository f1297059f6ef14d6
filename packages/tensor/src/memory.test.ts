/** Counts of live tensors, and the check for leaks of a step. */
import { expect, test } from "bun:test"
import { attribute } from "./binding/attributes.ts"
import { backend } from "./engine.ts"
import { checkLeaks, engineMemory, LeakError } from "./memory.ts"
import { tf } from "./tf.ts"

test("a step that tidies leaves nothing", () => {
  const weights = tf.tidy(() => tf.variable(tf.ones([4, 4])))
  const before = engineMemory()
  for (let step = 0; step < 3; step++) {
    tf.tidy(() => weights.assign(weights.mul(tf.scalar(0.5)).add(tf.ones([4, 4]))))
    checkLeaks(before, `step ${step}`)
  }
  weights.dispose()
})

test("the first use of a tensor makes a handle, which is no leak", () => {
  const waiting = tf.tensor1d([1, 2])
  const before = engineMemory()
  tf.tidy(() => {
    waiting.neg()
  })
  const after = engineMemory()
  expect(after.handles).toBe(before.handles + 1)
  checkLeaks(before, "first use")
  waiting.dispose()
  expect(engineMemory().handles).toBe(before.handles)
})

test("tensors that wait are counted and freed like others", () => {
  const before = engineMemory()
  const waiting = tf.tensor1d([1, 2])
  expect(engineMemory()).toMatchObject({
    tensors: before.tensors + 1,
    buffers: before.buffers + 1,
    handles: before.handles,
    ownHandles: before.ownHandles,
  })
  const shared = waiting.reshape([2, 1])
  waiting.dispose()
  shared.dispose()
  expect(engineMemory()).toMatchObject({ ...before, next: expect.any(Number) })
})

test("the error of a leak has its place, its counts, and the leaked tensors", () => {
  const before = engineMemory()
  const leaked = tf.tidy(() => tf.keep(tf.ones([3, 5]).neg()))
  const check = () => checkLeaks(before, "step 12")
  expect(check).toThrow(LeakError)
  expect(check).toThrow(`step 12 leaks 1 more tensors (${before.tensors} before, ${before.tensors + 1} after)`)
  expect(check).toThrow("float32[3,5]")
  leaked.dispose()
  checkLeaks(before, "step 12")
})

test("handles of the binding's own are counted apart", () => {
  const { binding } = backend()
  const before = engineMemory()
  const id = binding.executeOp(
    "VarHandleOp",
    [attribute.type("dtype", 1), attribute.shape("shape", []), attribute.string("shared_name", "winnow/test/leak")],
    [],
    1,
  )[0]!.id
  expect(engineMemory().ownHandles).toBe(before.ownHandles + 1)
  expect(() => checkLeaks(before, "here")).toThrow("1 more ownHandles")
  expect(() => checkLeaks(before, "here")).toThrow("resource[]")
  binding.deleteTensor(id)
  checkLeaks(before, "here")
})
