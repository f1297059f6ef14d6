/** The tiny experiment as a file of an experiment: what worker processes load. */
import { tiny } from "./tiny.ts"

export default tiny
