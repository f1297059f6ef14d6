/**
 * arktype without code of its own for each type. Writing that code, when a type is made, takes longer than all the checks of a
 * command or of a worker without it: a quarter of the time of `winnow --version`.
 */
import { configure } from "arktype/config"

configure({ jitless: true })
