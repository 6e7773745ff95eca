import { accessErrors, type Ctx, permit } from '#kernel/context.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { isWithin, listReaders, type Reader } from '#modules/identity/index.ts'
import { errors } from './errors.ts'
import { claimTask, defineTaskKind, finishTask, openTask, type Task } from './service.ts'
import * as store from './store.ts'

/** Somebody stands at a machine and waits: after five minutes whoever took it is reminded, or the department told. */
const HELP = defineTaskKind({
  kind: 'tasks.help',
  clock: 'natural',
  minutes: 5,
  ladder: [{ share_pct: 100, level: 2, to: 0 }],
}).kind
const DEVICE = 'device'
const CALLS_MAX = 100

export const helpTopic = (tenantId: number): string => `help:${tenantId}`

const subjectOf = ({ actor }: Ctx): string | undefined => (actor.kind === 'device' ? actor.id : undefined)

/** A person at a device asks for somebody to come. Asking again changes nothing. `title` names the device and its place. */
export async function callForHelp(ctx: Ctx, input: { readonly title: string }): Promise<Result<void>> {
  const subjectId = subjectOf(ctx)
  if (!subjectId) return fail(accessErrors.denied)
  await ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const about = { kind: HELP, subjectKind: DEVICE, subjectId, title: input.title.slice(0, 200) }
    await openTask(tx, ctx, { ...about, ...(ctx.actor.area && { areaCode: ctx.actor.area }) })
    tx.afterCommit(() => ctx.kernel.live.publish(helpTopic(ctx.tenantId)))
  })
  return ok(undefined)
}

export interface HelpState {
  /** Who comes, once somebody said so. */
  readonly by?: Reader
}

/** What became of the call of the device that asks; undefined when there is none. */
export async function findHelp(ctx: Ctx): Promise<HelpState | undefined> {
  const subjectId = subjectOf(ctx)
  if (!subjectId) return undefined
  const task = await ctx.kernel.db.read(ctx.tenantId, tx => store.findOpenTask(tx, ctx.tenantId, HELP, DEVICE, subjectId))
  if (!task) return undefined
  const readers = task.assigneeId ? await listReaders(ctx, [task.assigneeId]) : undefined
  const by = readers?.ok && task.assigneeId ? readers.value.get(task.assigneeId) : undefined
  return by ? { by } : {}
}

export interface HelpCall {
  readonly id: string
  readonly title: string
  readonly calledAt: Date
  readonly assigneeId: string | undefined
}

/** Calls nobody has answered to the end, the longest waiting first. */
export async function listHelpCalls(ctx: Ctx): Promise<Result<HelpCall[]>> {
  const may = permit(ctx, 'tasks.task.work')
  if (!may.ok) return may
  const rows = await ctx.kernel.db.read(ctx.tenantId, tx => store.listOpenOfKind(tx, ctx.tenantId, HELP, CALLS_MAX))
  return ok(
    rows
      .filter(row => isWithin(ctx.actor.area, row.areaCode))
      .map(row => ({ id: row.id, title: row.title, calledAt: row.startedAt, assigneeId: row.assigneeId ?? undefined })),
  )
}

/** Says at the machine who comes. Of two who take a call at once the second is told. */
export async function takeHelp(ctx: Ctx, input: { readonly taskId: string }): Promise<Result<Task>> {
  const taken = await claimTask(ctx, input)
  if (taken.ok) ctx.kernel.live.publish(helpTopic(ctx.tenantId))
  return taken
}

/** Whoever came says that it is done. */
export async function endHelp(ctx: Ctx, input: { readonly taskId: string }): Promise<Result<Task>> {
  const calls = await listHelpCalls(ctx)
  if (!calls.ok) return calls
  if (!calls.value.some(call => call.id === input.taskId)) return fail(errors.task_not_found)
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const ended = await finishTask(tx, ctx, input)
    if (ended.ok) tx.afterCommit(() => ctx.kernel.live.publish(helpTopic(ctx.tenantId)))
    return ended
  })
}
