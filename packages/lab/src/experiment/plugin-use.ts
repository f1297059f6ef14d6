/** The schema of a study with its options; those of the other plugins are in core. */
import { useOf } from "@winnow/core"
import type { StudyUse } from "../study/study.ts"

export const studyUse = useOf<StudyUse>("study")
