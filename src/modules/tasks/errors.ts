import { defineErrors } from '#kernel/result.ts'

export const errors = defineErrors('tasks', {
  task_not_found: 404,
  task_finished: 409,
  task_paused: 409,
  task_not_paused: 409,
  task_taken: 409,
  task_not_yours: 409,
  reason_missing: 400,
  superior_circle: 409,
})
