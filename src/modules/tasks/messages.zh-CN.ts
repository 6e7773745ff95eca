export const messages = {
  'tasks.task_not_found': '没有找到这项任务。',
  'tasks.task_finished': '任务已经办结。',
  'tasks.task_paused': '任务已经暂停计时。',
  'tasks.task_not_paused': '任务没有暂停。',
  'tasks.reason_missing': '请写明暂停的原因。',
  'tasks.superior_circle': '上级关系不能成环。',
  'tasks.task_taken': '这件事已经有人在办',
  'tasks.task_not_yours': '这件事不在您手上',
} as const
