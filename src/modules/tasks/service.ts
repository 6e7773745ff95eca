import { type Ctx, type Kernel, makeId, permit, systemCtx } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { isUuid } from '#kernel/id.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { dayOf, timeOfDay } from '#kernel/time.ts'
import { isWithin } from '#modules/identity/index.ts'
import { send } from '#modules/notify/index.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from './errors.ts'
import * as events from './events.ts'
import { type ClockKind, checkLadder, DEFAULT_LADDER, deadlineOf, MINUTES_MAX, type Pause, type Rung, rungAt } from './model.ts'
import * as store from './store.ts'

export interface TaskKind {
  /** Module and name: `requests.answer`. */
  readonly kind: string
  readonly clock: ClockKind
  readonly minutes: number
  readonly ladder?: readonly Rung[]
}

const kinds = new Map<string, Required<TaskKind>>()

/** Names a kind of deadline once. Throws Error for one named twice or a ladder that does not rise. */
export function defineTaskKind(kind: TaskKind): TaskKind {
  if (kinds.has(kind.kind)) throw new Error(`task kind ${kind.kind} is defined twice`)
  const whole = { ladder: DEFAULT_LADDER, ...kind }
  checkLadder(whole.ladder)
  kinds.set(kind.kind, whole)
  return kind
}

export interface OpenInput {
  readonly kind: string
  readonly subjectKind: string
  readonly subjectId: string
  /** Shown in warnings; no personal data. At most 200 characters. */
  readonly title: string
  readonly assigneeId?: string
  readonly areaCode?: string
  /** Instead of the time the kind gives. */
  readonly minutes?: number
  /** Instead of now. */
  readonly startedAt?: Date
}

export interface Task {
  readonly id: string
  readonly kind: string
  readonly subjectKind: string
  readonly subjectId: string
  readonly title: string
  readonly assigneeId: string | undefined
  readonly startedAt: Date
  /** While paused: as it stood when the pause began. */
  readonly deadlineAt: Date
  readonly isPaused: boolean
  readonly isDone: boolean
}

const shown = (row: store.TaskRow): Task => ({
  id: row.id,
  kind: row.kind,
  subjectKind: row.subjectKind,
  subjectId: row.subjectId,
  title: row.title,
  assigneeId: row.assigneeId ?? undefined,
  startedAt: row.startedAt,
  deadlineAt: row.deadlineAt,
  isPaused: row.pausedAt !== null,
  isDone: row.doneAt !== null,
})

type Clockwork = Pick<store.TaskRow, 'startedAt' | 'minutes' | 'clock' | 'ladder'>

const nextAt = (task: Clockwork, rung: number, pauses: readonly Pause[]): Date | null => {
  const next = task.ladder[rung]
  return next ? (rungAt(task.startedAt, task.minutes, task.clock, pauses, next) ?? null) : null
}

/**
 * Starts a deadline in the transaction of the act that causes it; who may do that is the caller's to check. A second
 * call for the same kind and subject answers the open task. Throws Error for an unknown kind.
 */
export async function openTask(tx: Tx, ctx: Ctx, input: OpenInput): Promise<Task> {
  const kind = kinds.get(input.kind)
  if (!kind) throw new Error(`task kind ${input.kind} is not defined`)
  const startedAt = input.startedAt ?? ctx.kernel.clock.now()
  const clockwork = { startedAt, minutes: input.minutes ?? kind.minutes, clock: kind.clock, ladder: kind.ladder }
  if (!Number.isInteger(clockwork.minutes) || clockwork.minutes < 1 || clockwork.minutes > MINUTES_MAX)
    throw new RangeError(`task ${input.kind}: ${clockwork.minutes} minutes`)
  const row: store.TaskRow = {
    ...clockwork,
    id: makeId(ctx),
    kind: input.kind,
    subjectKind: input.subjectKind,
    subjectId: input.subjectId,
    title: input.title,
    assigneeId: input.assigneeId ?? null,
    areaCode: input.areaCode ?? null,
    deadlineAt: deadlineOf(startedAt, clockwork.minutes, clockwork.clock, [])!,
    pausedAt: null,
    nextRung: 0,
    nextAt: nextAt(clockwork, 0, []),
    doneAt: null,
  }
  if (!(await store.insertTask(tx, ctx.tenantId, row)))
    return shown((await store.findOpenTask(tx, ctx.tenantId, input.kind, input.subjectKind, input.subjectId))!)
  await append(tx, ctx, events.taskOpened, {
    subjectId: row.id,
    body: {
      kind: row.kind,
      subject_kind: row.subjectKind,
      subject_id: row.subjectId,
      deadline_at: row.deadlineAt.toISOString(),
      ...(row.assigneeId && { assignee: row.assigneeId }),
    },
  })
  return shown(row)
}

/** Locks an open task; a finished or unknown one is a failure. */
async function take(tx: Tx, ctx: Ctx, id: string): Promise<Result<store.TaskRow>> {
  const row = isUuid(id) ? await store.takeTask(tx, ctx.tenantId, id) : undefined
  if (!row) return fail(errors.task_not_found)
  return row.doneAt ? fail(errors.task_finished) : ok(row)
}

/** Stops the clock from now on, for a reason, in the caller's transaction. */
export async function pauseTask(tx: Tx, ctx: Ctx, input: { readonly taskId: string; readonly reason: string }): Promise<Result<Task>> {
  const reason = input.reason.trim().slice(0, 200)
  if (!reason) return fail(errors.reason_missing, undefined, 'reason')
  const taken = await take(tx, ctx, input.taskId)
  if (!taken.ok) return taken
  if (taken.value.pausedAt) return fail(errors.task_paused)
  const now = ctx.kernel.clock.now()
  const row = { ...taken.value, pausedAt: now, nextAt: null }
  await store.openPause(tx, ctx.tenantId, row.id, now, reason)
  await store.setClock(tx, ctx.tenantId, row)
  await append(tx, ctx, events.taskPaused, { subjectId: row.id, body: { reason } })
  return ok(shown(row))
}

/** Lets the clock run again; the deadline moves by the time the pause covered on the task's own clock. */
export async function resumeTask(tx: Tx, ctx: Ctx, input: { readonly taskId: string }): Promise<Result<Task>> {
  const taken = await take(tx, ctx, input.taskId)
  if (!taken.ok) return taken
  if (!taken.value.pausedAt) return fail(errors.task_not_paused)
  const { id, startedAt, minutes, clock, nextRung } = taken.value
  await store.closePause(tx, ctx.tenantId, id, ctx.kernel.clock.now())
  const pauses = await store.listPauses(tx, ctx.tenantId, id)
  const deadlineAt = deadlineOf(startedAt, minutes, clock, pauses)!
  const row = { ...taken.value, deadlineAt, pausedAt: null, nextAt: nextAt(taken.value, nextRung, pauses) }
  await store.setClock(tx, ctx.tenantId, row)
  await append(tx, ctx, events.taskResumed, { subjectId: id, body: { deadline_at: deadlineAt.toISOString() } })
  return ok(shown(row))
}

/** Ends a task in the caller's transaction: no warning comes after it. */
export async function finishTask(
  tx: Tx,
  ctx: Ctx,
  input: { readonly taskId: string; readonly outcome?: 'done' | 'cancelled' },
): Promise<Result<Task>> {
  const taken = await take(tx, ctx, input.taskId)
  if (!taken.ok) return taken
  const row = taken.value
  const now = ctx.kernel.clock.now()
  const outcome = input.outcome ?? 'done'
  if (row.pausedAt) await store.closePause(tx, ctx.tenantId, row.id, now)
  await store.finish(tx, ctx.tenantId, row.id, outcome, now)
  // Under a pause the clock stands where it stood when the pause began.
  const late = (row.pausedAt ?? now) > row.deadlineAt
  await append(tx, ctx, events.taskFinished, { subjectId: row.id, body: { outcome, late } })
  return ok(shown({ ...row, doneAt: now }))
}

/** Gives a task to somebody else, or to nobody; warnings to come go to the new one. */
export async function reassignTask(ctx: Ctx, input: { readonly taskId: string; readonly assigneeId?: string }): Promise<Result<Task>> {
  const may = permit(ctx, 'tasks.task.assign')
  if (!may.ok) return may
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const taken = await take(tx, ctx, input.taskId)
    if (!taken.ok) return taken
    if (!isWithin(ctx.actor.area, taken.value.areaCode)) return fail(errors.task_not_found)
    const row = { ...taken.value, assigneeId: input.assigneeId ?? null }
    if (row.assigneeId === taken.value.assigneeId) return ok(shown(row))
    await store.setAssignee(tx, ctx.tenantId, row.id, row.assigneeId)
    const body = { ...(taken.value.assigneeId && { from: taken.value.assigneeId }), ...(row.assigneeId && { to: row.assigneeId }) }
    await append(tx, ctx, events.taskReassigned, { subjectId: row.id, body })
    return ok(shown(row))
  })
}

/** Takes an open task for oneself; repeating it changes nothing. Of two who take it at once the second is told. */
export const claimTask = (ctx: Ctx, input: { readonly taskId: string }): Promise<Result<Task>> =>
  changeHands(ctx, input.taskId, (row, own) =>
    row.assigneeId === null || row.assigneeId === own ? ok(own) : fail(errors.task_taken, { by: row.assigneeId }),
  )

/** Gives a task of one's own back for anybody to take. */
export const giveBackTask = (ctx: Ctx, input: { readonly taskId: string }): Promise<Result<Task>> =>
  changeHands(ctx, input.taskId, (row, own) => (row.assigneeId === own ? ok(null) : fail(errors.task_not_yours)))

async function changeHands(
  ctx: Ctx,
  taskId: string,
  decide: (row: store.TaskRow, own: string) => Result<string | null>,
): Promise<Result<Task>> {
  const may = permit(ctx, 'tasks.task.work')
  if (!may.ok) return may
  const { tenantId, actor } = ctx
  if (actor.kind !== 'staff') return fail(errors.task_not_yours)
  return ctx.kernel.db.tx(tenantId, async tx => {
    const taken = await take(tx, ctx, taskId)
    if (!taken.ok) return taken
    const from = taken.value
    if (!isWithin(actor.area, from.areaCode)) return fail(errors.task_not_found)
    const to = decide(from, actor.id)
    if (!to.ok) return to
    if (to.value === from.assigneeId) return ok(shown(from))
    await store.setAssignee(tx, tenantId, from.id, to.value)
    const body = { ...(from.assigneeId && { from: from.assigneeId }), ...(to.value && { to: to.value }) }
    await append(tx, ctx, events.taskReassigned, { subjectId: from.id, body })
    return ok(shown({ ...from, assigneeId: to.value }))
  })
}

/** Who has which of these tasks in hand; those nobody took are left out. */
export async function mapAssignees(ctx: Ctx, taskIds: readonly string[]): Promise<Result<Map<string, string>>> {
  const may = permit(ctx, 'tasks.task.read')
  if (!may.ok) return may
  const rows = await ctx.kernel.db.read(ctx.tenantId, tx => store.listAssignees(tx, ctx.tenantId, taskIds.slice(0, LISTED_MAX)))
  return ok(new Map(rows.map(row => [row.id, row.assigneeId])))
}

const LISTED_MAX = 200

/** Open tasks by deadline: one's own with `tasks.task.work`, all of one's area with `tasks.task.read`. */
export async function listTasks(ctx: Ctx, input: { readonly assigneeId?: string } = {}): Promise<Result<Task[]>> {
  const isOwn = ctx.actor.kind === 'staff' && input.assigneeId === ctx.actor.id
  const may = permit(ctx, isOwn ? 'tasks.task.work' : 'tasks.task.read')
  if (!may.ok) return may
  const filter = { assigneeId: input.assigneeId, area: ctx.actor.area }
  return ok((await ctx.kernel.db.read(ctx.tenantId, tx => store.listOpen(tx, ctx.tenantId, filter, LISTED_MAX))).map(shown))
}

const STEPS_MAX = 10

/** Says who is next up from whom. A circle is refused. */
export async function setSuperior(ctx: Ctx, input: { readonly staffId: string; readonly superiorId: string }): Promise<Result<void>> {
  const may = permit(ctx, 'tasks.task.assign')
  if (!may.ok) return may
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    let at: string | undefined = input.superiorId
    for (let step = 0; at !== undefined && step < STEPS_MAX; step++) {
      if (at === input.staffId) return fail(errors.superior_circle)
      at = await store.findSuperior(tx, ctx.tenantId, at)
    }
    if (at !== undefined) return fail(errors.superior_circle)
    await store.upsertSuperior(tx, ctx.tenantId, input.staffId, input.superiorId)
    return ok(undefined)
  })
}

/** Whom a rung warns: so many steps above the assignee; undefined past the last, which is the superior department. */
async function receiverOf(tx: Tx, ctx: Ctx, task: store.TaskRow, rung: Rung): Promise<string | undefined> {
  if (rung.to === 'department') return undefined
  let at = task.assigneeId ?? undefined
  for (let step = 0; at !== undefined && step < rung.to; step++) at = await store.findSuperior(tx, ctx.tenantId, at)
  return at
}

async function warn(tx: Tx, ctx: Ctx, task: store.TaskRow, rung: Rung, index: number): Promise<void> {
  const to = await receiverOf(tx, ctx, task, rung)
  if (!(await store.insertRung(tx, ctx.tenantId, task.id, index, rung.level, to ?? null, ctx.kernel.clock.now()))) return
  const body = { rung: index, level: rung.level, share_pct: rung.share_pct, department: to === undefined, ...(to && { to }) }
  await append(tx, ctx, events.taskWarned, { subjectId: task.id, body })
  if (!to) return
  const template = to !== task.assigneeId ? 'task_escalated' : rung.share_pct < 100 ? 'task_warning' : 'task_overdue'
  const deadline = `${dayOf(task.deadlineAt)} ${timeOfDay(task.deadlineAt)}`
  await send(tx, ctx, {
    to: { staffId: to },
    topic: 'tasks',
    template,
    params: { subject: task.title, deadline },
    dedupeKey: `task:${task.id}:${index}`,
  })
}

/** Fires every rung of one task that is due; those missed while nothing ran come in order. */
function climb(ctx: Ctx, id: string): Promise<number> {
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const task = await store.takeTask(tx, ctx.tenantId, id)
    if (!task || task.doneAt || task.pausedAt) return 0
    const now = ctx.kernel.clock.now()
    const pauses = await store.listPauses(tx, ctx.tenantId, id)
    let rung = task.nextRung
    let at = nextAt(task, rung, pauses)
    while (at && at <= now) {
      await warn(tx, ctx, task, task.ladder[rung]!, rung)
      at = nextAt(task, ++rung, pauses)
    }
    await store.setClock(tx, ctx.tenantId, { ...task, nextRung: rung, nextAt: at })
    return rung - task.nextRung
  })
}

const TAKEN_MAX = 50

/** Gives the warnings that are due, each once whatever the number of workers. True when more may be due at once. */
export async function runLadder(kernel: Kernel, tenantId: number): Promise<boolean> {
  const ctx = systemCtx(kernel, tenantId, 'tasks.ladder')
  const due = await kernel.db.read(tenantId, tx => store.listDue(tx, tenantId, kernel.clock.now(), TAKEN_MAX))
  for (const { id } of due) await climb(ctx, id)
  return due.length === TAKEN_MAX
}
