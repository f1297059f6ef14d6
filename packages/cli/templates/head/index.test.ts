import { test } from "bun:test"
import { checkHead } from "@winnow/testing"
import { myHead } from "./index.ts"

test("keeps the laws: no row hangs on what comes after it, and gradients are those of finite differences", () =>
  checkHead(myHead()))
