/** Loads TFJS with all of its parts, as its own package does. */
import { createRequire } from "node:module"

createRequire(import.meta.url)("@tensorflow/tfjs")
