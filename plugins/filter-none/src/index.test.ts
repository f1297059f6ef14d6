import { test } from "bun:test"
import { checkFilter } from "@winnow/testing"
import { none } from "./index.ts"

test("keeps the laws, and every token", () =>
  checkFilter(none(), { kept: (N) => N, keptWhenEqual: (N) => N, permutationEquivariant: true }))
