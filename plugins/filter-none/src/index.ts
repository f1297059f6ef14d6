/** Keeps every valid token: plain distillation, the control of every selective arm. */
import { defineFilter, selectEveryToken } from "@winnow/core"
import { type } from "arktype"

/** The filter `none`: weight 1 for all N tokens. No options, no statistics. The lab trains targets by the same code. */
export const none = defineFilter({
  name: "none",
  needs: [],
  options: type({ "+": "reject" }),
  make: () => selectEveryToken,
})
