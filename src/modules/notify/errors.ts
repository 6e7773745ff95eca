import { defineErrors } from '#kernel/result.ts'

export const errors = defineErrors('notify', { not_delivered: 503, topic_unknown: 400 })
