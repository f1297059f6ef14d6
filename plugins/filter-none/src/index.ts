/** Keeps every valid token: plain distillation, the control of every selective arm. */
import { defineFilter } from "@winnow/core"
import { type } from "arktype"

/** The filter `none`: weight 1 for all N tokens. No options, no statistics. */
export const none = defineFilter({
  name: "none",
  needs: [],
  options: type({ "+": "reject" }),
  make:
    () =>
    ({ N }) =>
      new Uint8Array(N).fill(1),
})
