/** One filter and one loss as one layer: the training step of an arm runs on it. */
import { Layer } from "effect"
import type { InvalidInput } from "./errors.ts"
import { type Filter, type FilterUse, filterLayer } from "./filter.ts"
import { type Loss, type LossUse, lossLayer } from "./loss.ts"

/** The layer of an arm. Its environment must provide all that its filter and its loss need. */
export const armLayer = <F, L>(
  filter: FilterUse<F>,
  loss: LossUse<L>,
): Layer.Layer<Filter | Loss, InvalidInput, F | L> => Layer.merge(filterLayer(filter), lossLayer(loss))
