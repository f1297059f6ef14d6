import { expect, test } from "bun:test"
import { cacheFolder } from "./cache-folder.ts"

test("the cache lies in the usual folder of each system; a relative XDG_CACHE_HOME is ignored as its standard says", () => {
  expect(cacheFolder("native", { HOME: "/h" }, "linux")).toBe("/h/.cache/winnow/native")
  expect(cacheFolder("datasets", { HOME: "/h" }, "darwin")).toBe("/h/Library/Caches/winnow/datasets")
  expect(cacheFolder("native", { HOME: "/h", XDG_CACHE_HOME: "/x" }, "linux")).toBe("/x/winnow/native")
  expect(cacheFolder("libtensorflow", { HOME: "/h", XDG_CACHE_HOME: "x" }, "linux")).toBe(
    "/h/.cache/winnow/libtensorflow",
  )
})
