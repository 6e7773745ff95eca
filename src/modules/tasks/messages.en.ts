import type { messages as base } from './messages.zh-CN.ts'

export const messages: Record<keyof typeof base, string> = {
  'tasks.task_not_found': 'No such task was found.',
  'tasks.task_finished': 'The task is finished already.',
  'tasks.task_paused': 'The clock of this task stands still already.',
  'tasks.task_not_paused': 'The task is not paused.',
  'tasks.reason_missing': 'Say why the clock stands still.',
  'tasks.superior_circle': 'Nobody can be above themselves.',
  'tasks.task_taken': 'Somebody else is on this already',
  'tasks.task_not_yours': 'This is not in your hands',
}
