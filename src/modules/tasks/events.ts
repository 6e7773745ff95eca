import { z } from 'zod'
import { defineEvent } from '#modules/trail/index.ts'

const task = <T extends z.ZodRawShape>(name: string, body: T) =>
  defineEvent({ type: `tasks.${name}`, version: 1, subject: 'task', body: z.object(body) })

export const taskOpened = task('task_opened', {
  kind: z.string(),
  subject_kind: z.string(),
  subject_id: z.string(),
  deadline_at: z.string(),
  assignee: z.string().optional(),
})
export const taskPaused = task('task_paused', { reason: z.string() })
export const taskResumed = task('task_resumed', { deadline_at: z.string() })
export const taskReassigned = task('task_reassigned', { from: z.string().optional(), to: z.string().optional() })
export const taskFinished = task('task_finished', { outcome: z.enum(['done', 'cancelled']), late: z.boolean() })
/** One for each rung. `to` is absent where the warning goes to the superior department. */
export const taskWarned = task('task_warned', {
  rung: z.int(),
  level: z.int(),
  share_pct: z.int(),
  to: z.string().optional(),
  department: z.boolean(),
})
