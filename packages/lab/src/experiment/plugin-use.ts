/** The schema of a study with its options; core has those of the other plugins. */
import { useOf } from "@winnow/core"
import type { StudyUse } from "../study/study.ts"

export const studyUse = useOf<StudyUse>("study")
