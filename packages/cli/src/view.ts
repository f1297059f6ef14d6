/** Progress on stderr, in short or in full. */
import { briefView } from "./brief-view.ts"
import { progressView } from "./progress-view.ts"
import type { View } from "./screen.ts"

/**
 * The view of this process: on stderr, with the width of its terminal. `brief`: only the overall progress and the
 * failures.
 */
export const viewOnStderr = ({ brief = false }: { readonly brief?: boolean } = {}): View =>
  (brief ? briefView : progressView)({
    write: (text) => void process.stderr.write(text),
    terminal: process.stderr.isTTY === true,
    columns: process.stderr.columns ?? 100,
  })
