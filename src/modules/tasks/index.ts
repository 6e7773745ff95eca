export { errors as taskErrors } from './errors.ts'
export * as taskEvents from './events.ts'
export { callForHelp, endHelp, findHelp, type HelpCall, helpTopic, listHelpCalls, takeHelp } from './help.ts'
export { startJobs as startTaskJobs } from './jobs.ts'
export { messages as tasksMessagesEn } from './messages.en.ts'
export { messages as tasksMessagesZh } from './messages.zh-CN.ts'
export { type ClockKind, DEFAULT_LADDER, deadlineOf, type Pause, type Rung } from './model.ts'
export {
  claimTask,
  defineTaskKind,
  finishTask,
  giveBackTask,
  listTasks,
  mapAssignees,
  type OpenInput,
  openTask,
  pauseTask,
  reassignTask,
  resumeTask,
  runLadder,
  setSuperior,
  type Task,
  type TaskKind,
} from './service.ts'
