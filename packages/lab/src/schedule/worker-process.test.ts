import { expect, test } from "bun:test"
import { workerEnvironment } from "./worker-process.ts"

test("a worker's allocator keeps freed memory, unless the user has set it", () => {
  expect(workerEnvironment({ PATH: "/bin" }, 2)).toEqual({
    MIMALLOC_PURGE_DELAY: "-1",
    PATH: "/bin",
    TF_NUM_INTRAOP_THREADS: "2",
  })
  expect(workerEnvironment({ MIMALLOC_PURGE_DELAY: "10" }, 1)["MIMALLOC_PURGE_DELAY"]).toBe("10")
})
